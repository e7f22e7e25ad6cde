// One copy of everything, whichever way it is imported: `instanceof` holds across both.
import layerkit from './index.js';

export const {
  Attachment,
  BuildCache,
  Builder,
  Container,
  ContainerControl,
  ContainerError,
  Containers,
  dockerfile,
  Engine,
  ERROR_CODES,
  Image,
  Images,
  LayerkitError,
  Registry,
  System,
  version,
} = layerkit;
export default layerkit;

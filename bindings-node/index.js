'use strict';

const { Attachment } = require('./lib/attachment.js');
const { BuildCache } = require('./lib/build-cache.js');
const { Builder } = require('./lib/builder.js');
const { Container } = require('./lib/container.js');
const { Containers } = require('./lib/containers.js');
const { ContainerControl } = require('./lib/control.js');
const dockerfile = require('./lib/dockerfile.js');
const { Engine } = require('./lib/engine.js');
const { ContainerError, ERROR_CODES, LayerkitError } = require('./lib/errors.js');
const { Image } = require('./lib/image.js');
const { Images } = require('./lib/images.js');
const { Registry } = require('./lib/registry.js');
const { System } = require('./lib/system.js');
const version = require('./native.js').version();

module.exports = {
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
};

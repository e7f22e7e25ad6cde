// The same declarations serve `require`.
import layerkit = require('layerkit');

export const open: () => Promise<layerkit.Engine> = layerkit.Engine.open;

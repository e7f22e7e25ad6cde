'use strict';

const { Builder } = require('./lib/builder.js');
const { Engine } = require('./lib/engine.js');
const { ERROR_CODES, LayerkitError } = require('./lib/errors.js');
const { Image } = require('./lib/image.js');
const { Images } = require('./lib/images.js');
const { Registry } = require('./lib/registry.js');
const { System } = require('./lib/system.js');
const version = require('./native.js').version();

module.exports = { Builder, Engine, ERROR_CODES, Image, Images, LayerkitError, Registry, System, version };

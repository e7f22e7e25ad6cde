'use strict';

const { Registry } = require('./lib/testing.js');

module.exports = { Registry };

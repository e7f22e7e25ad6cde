import testing from './testing.js';

export const { Registry } = testing;
export default testing;

export { startProjection, type Projection } from './projection.js';

export { createAllocator, type Allocator } from './app.js';
export type { AllocatorOptions } from './allocator.module.js';
export { failStart, serve, StartProblem } from './serve.js';

export { createAllocator, type Allocator } from './app.js';
export type { AllocatorOptions } from './allocator.module.js';
export { serve } from './serve.js';

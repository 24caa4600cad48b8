import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    globals: true,
    globalSetup: ['libs/testing/src/global-setup.ts'],
    setupFiles: ['libs/testing/src/law-seed.ts'],
    include: ['libs/**/*.spec.ts', 'apps/**/*.spec.ts', 'test/**/*.spec.ts'],
    // .ci/run counts tests from this.
    reporters: process.env['VITEST_JSON_REPORT'] ? ['default', ['json', { outputFile: process.env['VITEST_JSON_REPORT'] }]] : ['default'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

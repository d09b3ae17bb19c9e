import { defineConfig } from 'vitest/config';

// Two test files at a time: the tests start their own worker threads, and the machine may have two cores.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // some use ONNX Runtime themselves
    env: { ORT_DISABLE_TELEMETRY: '1' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});

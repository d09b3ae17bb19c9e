import { readFileSync } from 'node:fs';
import { main } from 'assemblyscript/asc';
import { describe, expect, it } from 'vitest';
import {
  addResiduals,
  clamp,
  fromUnit,
  mix,
  planes,
  reverse,
  softmaxGradient,
  toUnit,
} from '../../src/math/kernels.ts';
import { fillNormal, randomKey } from '../../src/math/random.ts';
import { projectPath } from '../support/paths.ts';

const FOLDER = 'src/math/assembly';
const SOURCES = ['images', 'normal', 'softmax'].map((name) => `${FOLDER}/${name}.ts`);

/** As `asc` compiles it. */
async function compile(): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const options = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--initialMemory', '1'];
  const { error, stderr } = await main([...SOURCES, ...options, '--outFile', 'kernels.wasm'], {
    readFile: (name) => (name.startsWith(FOLDER) ? readFileSync(projectPath(name), 'utf8') : null),
    writeFile: (name, contents) => void files.set(name, contents as Uint8Array),
    listFiles: () => null,
  });
  if (error) throw new Error(stderr.toString());
  return files.get('kernels.wasm')!;
}

/** Beyond one slot of the kernels' memory, and no multiple of four. */
const LENGTH = 2 * 4096 + 7;

function numbers(name: string): Float32Array {
  const drawn = new Float32Array(LENGTH);
  fillNormal(drawn, randomKey(1, name), 0, 0);
  drawn.set([0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 100);
  return drawn;
}

describe('the kernels', () => {
  it('are what their sources are compiled to', async () => {
    const base64 = Buffer.from(await compile()).toString('base64');
    const module = [
      `// What the files of assembly/ are compiled to, in base64; made by test/math/kernels.test.ts.`,
      '',
      'export const KERNELS_WASM =',
      `  '${base64}';`,
      '',
    ];
    await expect(module.join('\n')).toMatchFileSnapshot(projectPath('src/math/kernels.wasm.ts'));
  });

  it('mix as numbers of JavaScript do, to the bit', () => {
    const [x, z] = [numbers('x'), numbers('z')];
    const expected = Float32Array.from(x, (value, i) => 0.123 * value + 0.456 * z[i]!);
    mix(x, x, 0.123, z, 0.456);
    expect(x).toEqual(expected);
  });

  it('take reverse steps as numbers of JavaScript do, to the bit', () => {
    const [x, noise, z] = [numbers('x'), numbers('noise'), numbers('z')];
    const estimate = Array.from(x, (value, i) => Math.min(1, Math.max(-1, 1.1 * value - 0.7 * noise[i]!)));
    const next = Float32Array.from(estimate, (x0, i) => 0.3 * x0 + 0.6 * x[i]! + 0.1 * z[i]!);
    reverse(x, noise, z, {
      xToEstimate: 1.1,
      predictedToEstimate: -0.7,
      estimateToX: 0.3,
      xToX: 0.6,
      sigma: 0.1,
    });
    expect(noise).toEqual(Float32Array.from(estimate));
    expect(x).toEqual(next);
  });

  it('turn numbers into bytes as arrays of JavaScript do, halves to even ones', () => {
    const x = numbers('x');
    for (let half = 0; half < 255; half++) x[200 + half] = (half + 0.5) / 127.5 - 1;
    const expected = Uint8ClampedArray.from(x, (value) => Math.fround(value * 127.5 + 127.5));
    const bytes = new Uint8ClampedArray(LENGTH);
    fromUnit(bytes, x);
    expect(bytes).toEqual(expected);
  });

  it('turn bytes into numbers as numbers of JavaScript do, to the bit', () => {
    const bytes = Uint8Array.from({ length: LENGTH }, (_, i) => i);
    const x = new Float32Array(LENGTH);
    toUnit(x, bytes);
    expect(x).toEqual(Float32Array.from(bytes, (byte) => byte / 127.5 - 1));
  });

  it('limit numbers, and leave what is none', () => {
    const x = numbers('x');
    const expected = x.map((value) => (value > 1 ? 1 : value < -1 ? -1 : value));
    clamp(x);
    expect(x).toEqual(expected);
  });

  it('take the colors of pixels apart', () => {
    const x = Uint8Array.from({ length: 3 * LENGTH }, (_, i) => (i * i) >> 2);
    const out = new Uint8Array(3 * LENGTH);
    planes(out, x);
    expect(out).toEqual(out.map((_, i) => x[(i % LENGTH) * 3 + Math.floor(i / LENGTH)]!));
  });

  it('add up residuals as numbers of JavaScript do', () => {
    const image = (n: number) => Uint8Array.from({ length: LENGTH }, (_, i) => (i * i * 7 + n * 31) >> 3);
    const extreme = { raw: new Uint8Array(LENGTH).fill(255), purified: new Uint8Array(LENGTH) };
    const pairs = [1, 2, 3].map((n) => ({ raw: image(n), purified: image(10 * n) }));
    const all = [...pairs, extreme, { raw: extreme.purified, purified: extreme.raw }];
    const sums = Float64Array.from({ length: LENGTH }, (_, i) => 2 ** 40 + i);
    const squares = Float64Array.from({ length: LENGTH }, (_, i) => i);
    const expected = [sums.slice(), squares.slice()] as const;
    for (const { raw, purified } of all) {
      for (let i = 0; i < LENGTH; i++) {
        const residual = raw[i]! - purified[i]!;
        expected[0][i]! += residual;
        expected[1][i]! += residual ** 2;
      }
    }
    addResiduals(sums, squares, all);
    expect([sums, squares]).toEqual(expected);
  });

  it.each([[2], [3], [10], [43], [4099]])(
    'find the gradient of a softmax of %d classes as numbers of JavaScript do',
    (classes) => {
      // more than are worked on at a time
      const rows = classes < 10 ? 100_000 : Math.ceil(300_000 / classes);
      const scores = new Float32Array(rows * classes);
      fillNormal(scores, randomKey(1, 'scores'), 0, 0);
      // far ones, so that shares vanish, and equal ones
      for (let i = 0; i < scores.length; i++) scores[i]! *= i % 7 ? 8 : i % 3 ? 600 : 0;
      const labels = Int32Array.from({ length: rows }, (_, n) => (n * 7) % classes);
      const weights = Float64Array.from(labels, (label) => 1 / (1 + label));
      const slopes = Float64Array.from({ length: classes }, (_, c) => 0.5 + (c % 5));
      const offsets = Float64Array.from({ length: classes }, (_, c) => (c % 3) - 1);
      const found = softmaxGradient({ classes, scores, labels, weights }, { slopes, offsets });
      const bySlope = new Float64Array(classes);
      const byOffset = new Float64Array(classes);
      for (let n = 0; n < rows; n++) {
        const row = scores.subarray(n * classes, (n + 1) * classes);
        const scaled = Array.from(row, (score, c) => slopes[c]! * score + offsets[c]!);
        const largest = scaled.reduce((most, value) => Math.max(most, value));
        const powers = scaled.map((value) => Math.exp(value - largest));
        const total = powers.reduce((sum, power) => sum + power, 0);
        for (const [c, power] of powers.entries()) {
          const error = power * (weights[n]! / total) - (c === labels[n] ? weights[n]! : 0);
          bySlope[c]! += error * row[c]!;
          byOffset[c]! += error;
        }
      }
      // V8's exponential may be another one some day
      const near = (numbers: Float64Array) => Array.from(numbers, (x) => expect.closeTo(x, 8));
      expect(Array.from(found.slopes)).toEqual(near(bySlope));
      expect(Array.from(found.offsets)).toEqual(near(byOffset));
    },
  );
});

// The p-values of all honest classes against the uniform distribution, as SVG: on or above the diagonal, they hold.

import { parse, View } from 'vega';

/** @param pValues of classes that nothing was wrong with, each in [0, 1] */
export async function quantilePlot(pValues: readonly number[]): Promise<string> {
  const sorted = pValues.toSorted((a, b) => a - b);
  const values = sorted.map((found, n) => ({
    expected: -Math.log10((n + 0.5) / sorted.length),
    found: Math.min(12, -Math.log10(Math.max(found, 1e-12))),
  }));
  const most = Math.max(...values.map(({ expected }) => expected));
  const axis = (title: string) => ({ title, grid: true });
  const scale = (name: string, range: string, top: number) => ({
    name,
    type: 'linear',
    domain: [0, top],
    range,
    nice: true,
  });
  const spec = {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    width: 420,
    height: 320,
    padding: 10,
    background: 'white',
    data: [
      { name: 'classes', values },
      { name: 'uniform', values: [{ at: 0 }, { at: most }] },
    ],
    scales: [
      scale('x', 'width', most),
      scale('y', 'height', Math.max(most, ...values.map(({ found }) => found))),
    ],
    axes: [
      { orient: 'bottom', scale: 'x', ...axis('−log₁₀ p, uniform') },
      { orient: 'left', scale: 'y', ...axis('−log₁₀ p, found') },
    ],
    marks: [
      {
        type: 'line',
        from: { data: 'uniform' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'at' },
            y: { scale: 'y', field: 'at' },
            stroke: { value: 'gray' },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'classes' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'expected' },
            y: { scale: 'y', field: 'found' },
            size: { value: 16 },
            fill: { value: '#b03030' },
          },
        },
      },
    ],
  };
  return new View(parse(spec as never), { renderer: 'none' }).toSVG();
}

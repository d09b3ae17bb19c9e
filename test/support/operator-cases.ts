// Small applications of every operator, with the results that PyTorch 1.13 gives. Three tests walk this table:
// both engines against these numbers, the engines against each other, and the gradients against differences.
// Input k of a case holds ((7·i + 3·k) mod 11 − 5) / 4 at flat index i, or, where it must be positive,
// ((7·i + 3·k) mod 11 + 1) / 4. In Python, with which each `expected` was printed from `torch`:
//
//   def value(k, shape, shift=-5):
//       i = torch.arange(math.prod(shape)); return (((7 * i + 3 * k) % 11 + shift) / 4.0).reshape(shape)
//   a, b, c = (value(k, shape) for k, shape in enumerate(inputs))
//   def grad(f, shape, dy):
//       x = torch.zeros(shape, requires_grad=True); return torch.autograd.grad(f(x), x, dy)[0]

import type { GraphBuilder, Op, Shape, Tensor } from '../../src/graph/graph.ts';
import { sizeOf } from '../../src/graph/graph.ts';
import * as op from '../../src/graph/operators.ts';

export interface OperatorCase {
  readonly inputs: readonly Shape[];
  /** Whether the operator is defined, or smooth, for positive inputs only. */
  readonly positive?: boolean;
  readonly build: (g: GraphBuilder, inputs: readonly Tensor[]) => Tensor | readonly Tensor[];
  readonly torch: string;
  readonly expected: readonly (readonly number[])[];
}

/** The inputs for which `expected` holds. */
export function fixedInputs({ inputs, positive }: OperatorCase): Float32Array[] {
  const shift = positive ? 1 : -5;
  return inputs.map((shape, k) =>
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => (((7 * i + 3 * k) % 11) + shift) / 4),
  );
}

type Unary = (g: GraphBuilder, x: Tensor) => Tensor;
type Binary = (g: GraphBuilder, a: Tensor, b: Tensor) => Tensor;

const one =
  (f: Unary): OperatorCase['build'] =>
  (g, [x]) =>
    f(g, x!);

const two =
  (f: Binary): OperatorCase['build'] =>
  (g, [a, b]) =>
    f(g, a!, b!);

const conv =
  (geometry: op.ConvGeometry): OperatorCase['build'] =>
  (g, [x, weight, bias]) =>
    op.conv2d(g, x!, weight!, bias, geometry);

const inputGrad =
  (shape: Shape, geometry: op.ConvGeometry): OperatorCase['build'] =>
  (g, [dy, weight]) =>
    op.conv2dInputGrad(g, dy!, weight!, shape, geometry);

const filterGrad =
  (shape: Shape, geometry: op.ConvGeometry): OperatorCase['build'] =>
  (g, [x, dy]) =>
    op.conv2dFilterGrad(g, x!, dy!, shape, geometry);

export const operatorCases: Readonly<Record<Op, readonly OperatorCase[]>> = {
  exp: [
    {
      inputs: [[5]],
      build: one(op.exp),
      torch: 'torch.exp(a)',
      expected: [[0.286505, 1.648721, 0.606531, 3.490343, 1.284025]],
    },
  ],
  log: [
    {
      inputs: [[5]],
      positive: true,
      build: one(op.log),
      torch: 'torch.log(a)',
      expected: [[-1.386294, Math.LN2, 0, 1.011601, 0.559616]],
    },
  ],
  sqrt: [
    {
      inputs: [[5]],
      positive: true,
      build: one(op.sqrt),
      torch: 'torch.sqrt(a)',
      expected: [[0.5, Math.SQRT2, 1, 1.658312, 1.322876]],
    },
  ],
  sigmoid: [
    {
      inputs: [[5]],
      build: one(op.sigmoid),
      torch: 'torch.sigmoid(a)',
      expected: [[0.2227, 0.622459, 0.377541, 0.7773, 0.562177]],
    },
  ],
  relu: [
    {
      inputs: [[11]],
      build: one(op.relu),
      torch: 'F.relu(a)',
      expected: [[0, 0.5, 0, 1.25, 0.25, 0, 1, 0, 0, 0.75, 0]],
    },
  ],
  step: [
    {
      inputs: [[11]],
      build: one(op.step),
      torch: '(a > 0).float()',
      expected: [[0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0]],
    },
  ],
  sin: [
    {
      inputs: [[5]],
      build: one(op.sin),
      torch: 'torch.sin(a)',
      expected: [[-0.948985, 0.479426, -0.479426, 0.948985, 0.247404]],
    },
  ],
  cos: [
    {
      inputs: [[5]],
      build: one(op.cos),
      torch: 'torch.cos(a)',
      expected: [[0.315322, 0.877583, 0.877583, 0.315322, 0.968912]],
    },
  ],
  add: [
    {
      inputs: [[2, 3], [3]],
      build: two(op.add),
      torch: 'a + b',
      expected: [[-1.75, 1.75, -0.25, 0.75, 1.5, -0.5]],
    },
    {
      inputs: [
        [2, 1, 3],
        [2, 1],
      ],
      build: two(op.add),
      torch: 'a + b',
      expected: [[-1.75, 0, -1, 0, 1.75, 0.75, 0.75, -0.25, -1.25, 2.5, 1.5, 0.5]],
    },
  ],
  sub: [
    {
      inputs: [
        [2, 3],
        [2, 1],
      ],
      build: two(op.sub),
      torch: 'a - b',
      expected: [[-0.75, 1, 0, 0, -1, -2]],
    },
    {
      inputs: [[], [2, 2]],
      build: two(op.sub),
      torch: 'a - b',
      expected: [[-0.75, -2.5, -1.5, -0.5]],
    },
  ],
  mul: [
    {
      inputs: [
        [2, 1, 2],
        [1, 3, 1],
      ],
      build: two(op.mul),
      torch: 'a * b',
      expected: [
        [0.625, -0.25, -1.5625, 0.625, -0.3125, 0.125, 0.25, -0.625, -0.625, 1.5625, -0.125, 0.3125],
      ],
    },
    {
      inputs: [[4]],
      build: (g, [x]) => op.mul(g, x!, x!),
      torch: 'a * a',
      expected: [[1.5625, 0.25, 0.25, 1.5625]],
    },
  ],
  div: [
    {
      inputs: [
        [2, 3],
        [2, 3],
      ],
      positive: true,
      build: two(op.div),
      torch: 'a / b',
      expected: [[0.25, 0.727273, 0.571429, 3.666667, 0.7, 0.5]],
    },
    {
      inputs: [[3], [2, 1]],
      positive: true,
      build: two(op.div),
      torch: 'a / b',
      expected: [[0.25, 2, 1, 0.090909, 0.727273, 0.363636]],
    },
  ],
  sum: [
    {
      inputs: [[2, 3, 4]],
      build: (g, [x]) => op.sum(g, x!, [0, 2]),
      torch: 'a.sum((0, 2))',
      expected: [[1.5, -0.25, -2]],
    },
    {
      inputs: [[2, 3]],
      build: (g, [x]) => op.sum(g, x!, [0, 1]),
      torch: 'a.sum()',
      expected: [[-0.5]],
    },
    {
      inputs: [[2, 3]],
      build: (g, [x]) => op.sum(g, x!, [1], true),
      torch: 'a.sum(1, keepdim=True)',
      expected: [[-1.25, 0.75]],
    },
    {
      inputs: [[1, 2, 2, 2, 1, 2]],
      build: (g, [x]) => op.sum(g, x!, [3, 5]),
      torch: 'a.sum((3, 5))',
      expected: [[0, 0.5, -1.75, 1.5]],
    },
  ],
  mean: [
    {
      inputs: [[2, 2, 2, 3]],
      build: (g, [x]) => op.mean(g, x!, [2, 3]),
      torch: 'a.mean((2, 3))',
      expected: [[-0.083333, -0.125, 0.291667, -0.208333]],
    },
    {
      inputs: [[2, 2, 3]],
      build: (g, [x]) => op.mean(g, x!, [0, 2], true),
      torch: 'a.mean((0, 2), keepdim=True)',
      expected: [[-0.208333, 0]],
    },
  ],
  reshape: [
    {
      inputs: [[2, 6]],
      build: (g, [x]) => op.reshape(g, x!, [3, 2, 2]),
      torch: 'a.reshape(3, 2, 2)',
      expected: [[-1.25, 0.5, -0.5, 1.25, 0.25, -0.75, 1, 0, -1, 0.75, -0.25, -1.25]],
    },
    {
      inputs: [[1]],
      build: (g, [x]) => op.reshape(g, x!, []),
      torch: 'a.reshape(())',
      expected: [[-1.25]],
    },
  ],
  transpose: [
    {
      inputs: [[2, 2, 3]],
      build: (g, [x]) => op.transpose(g, x!, [2, 0, 1]),
      torch: 'a.permute(2, 0, 1)',
      expected: [[-1.25, 1.25, 1, 0.75, 0.5, 0.25, 0, -0.25, -0.5, -0.75, -1, -1.25]],
    },
    {
      inputs: [[1, 2, 2, 1, 3]],
      build: (g, [x]) => op.transpose(g, x!, [4, 2, 0, 3, 1]),
      torch: 'a.permute(4, 2, 0, 3, 1)',
      expected: [[-1.25, 1, 1.25, 0.75, 0.5, 0, 0.25, -0.25, -0.5, -1, -0.75, -1.25]],
    },
  ],
  broadcast: [
    {
      inputs: [[2, 1, 3]],
      build: (g, [x]) => op.broadcast(g, x!, [2, 2, 3]),
      torch: 'a.expand(2, 2, 3)',
      expected: [[-1.25, 0.5, -0.5, -1.25, 0.5, -0.5, 1.25, 0.25, -0.75, 1.25, 0.25, -0.75]],
    },
    {
      inputs: [[3]],
      build: (g, [x]) => op.broadcast(g, x!, [2, 3]),
      torch: 'a.expand(2, 3)',
      expected: [[-1.25, 0.5, -0.5, -1.25, 0.5, -0.5]],
    },
  ],
  concat: [
    {
      inputs: [
        [2, 1, 2],
        [2, 2, 2],
        [2, 1, 2],
      ],
      build: (g, parts) => op.concat(g, parts, 1),
      torch: 'torch.cat([a, b, c], 1)',
      expected: [[-1.25, 0.5, -0.5, 1.25, 0.25, -0.75, 0.25, -0.75, -0.5, 1.25, 1, 0, -1, 0.75, 1, 0]],
    },
  ],
  slice: [
    {
      inputs: [[2, 4, 2]],
      build: (g, [x]) => op.slice(g, x!, 1, 1, 3),
      torch: 'a[:, 1:3]',
      expected: [[-0.5, 1.25, 0.25, -0.75, -0.25, -1.25, 0.5, -0.5]],
    },
    {
      inputs: [[3, 2]],
      build: (g, [x]) => op.slice(g, x!, 0, 2, 3),
      torch: 'a[2:3]',
      expected: [[0.25, -0.75]],
    },
  ],
  pad: [
    {
      inputs: [[1, 2, 2]],
      build: (g, [x]) => op.pad(g, x!, 2, 1, 2),
      torch: 'F.pad(a, (1, 2))',
      expected: [[0, -1.25, 0.5, 0, 0, 0, -0.5, 1.25, 0, 0]],
    },
    {
      inputs: [[2, 2]],
      build: (g, [x]) => op.pad(g, x!, 0, 0, 1),
      torch: 'F.pad(a, (0, 0, 0, 1))',
      expected: [[-1.25, 0.5, -0.5, 1.25, 0, 0]],
    },
  ],
  matmul: [
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
      build: two(op.matmul),
      torch: 'a @ b',
      expected: [[1.25, -0.9375, -1.0625, 1.5625, -0.1875, 2.5, -0.3125, -0.375]],
    },
    {
      inputs: [
        [2, 2, 3],
        [2, 3, 2],
      ],
      build: two(op.matmul),
      torch: 'a @ b',
      expected: [[0.25, -1.9375, -1.3125, 1.375, -1.5, 1.25, -1.3125, 1.5]],
    },
    {
      inputs: [
        [2, 2, 3],
        [3, 2],
      ],
      build: two(op.matmul),
      torch: 'a @ b',
      expected: [[0.25, -1.9375, -1.3125, 1.375, -1.5, 1.25, -1.6875, 1.125]],
    },
    {
      inputs: [
        [2, 3],
        [2, 3, 2],
      ],
      build: two(op.matmul),
      torch: 'a @ b',
      expected: [[0.25, -1.9375, -1.3125, 1.375, 0.875, -1.3125, -1.6875, 1]],
    },
  ],
  conv2d: [
    {
      inputs: [[1, 2, 3, 4], [2, 2, 3, 3], [2]],
      build: conv({ stride: 1, padding: [1, 1, 1, 1] }),
      torch: 'F.conv2d(a, b, c, padding=1)',
      expected: [
        [
          -1.125, -0.5625, 2.375, 2.5, -2.0625, 1.875, 3, -2.3125, -1.125, 4.1875, -0.6875, -3.25, -2, 2.125,
          -1.6875, -3.25, 0.8125, -1.125, -6.6875, 2.1875, 2, -4.3125, -1.5, 1.1875,
        ],
      ],
    },
    {
      inputs: [[2, 1, 4, 4], [2, 1, 3, 3], [2]],
      build: conv({ stride: 2, padding: [0, 0, 1, 1] }),
      torch: 'F.conv2d(F.pad(a, (0, 1, 0, 1)), b, c, stride=2)',
      expected: [
        [
          2.0625, 0.625, 0.75, -1.875, -0.0625, 1.5, 0.5625, 0.5625, 2.4375, -0.375, 1.375, 0.6875, 1.75,
          -2.4375, 2.375, -2.5,
        ],
      ],
    },
    {
      inputs: [
        [1, 2, 5, 3],
        [3, 2, 3, 2],
      ],
      build: conv({ stride: 2, padding: [1, 0, 2, 1] }),
      torch: 'F.conv2d(F.pad(a, (0, 1, 1, 2)), b, stride=2)',
      expected: [
        [
          1.9375, -0.75, 0.6875, -1.875, 0.1875, 0.6875, -0.75, -1.25, 2.875, -0.375, 0.75, -2.3125, -2.0625,
          1.6875, 1.625, 0.4375, -1.4375, 0.875,
        ],
      ],
    },
    {
      inputs: [
        [1, 2, 5, 4],
        [2, 2, 1, 1],
      ],
      build: conv({ stride: 2, padding: [0, 0, 0, 0] }),
      torch: 'F.conv2d(a, b, stride=2)',
      expected: [
        [1.5625, -1.3125, 1.75, -1.125, 1.9375, -0.9375, -0.875, 0.8125, -1, 0.6875, -1.125, 0.5625],
      ],
    },
  ],
  conv2dInputGrad: [
    {
      inputs: [
        [1, 2, 3, 3],
        [2, 1, 3, 3],
      ],
      build: inputGrad([1, 1, 3, 3], { stride: 1, padding: [1, 1, 1, 1] }),
      torch: 'grad(lambda x: F.conv2d(x, b, padding=1), (1, 1, 3, 3), a)',
      expected: [[0.5625, -2.375, -0.625, 1.1875, 0.0625, -0.6875, 0.3125, 3, -0.3125]],
    },
    {
      inputs: [
        [1, 2, 4, 2],
        [2, 2, 3, 2],
      ],
      build: inputGrad([1, 2, 3, 2], { stride: 1, padding: [1, 0, 2, 1] }),
      torch: 'grad(lambda x: F.conv2d(F.pad(x, (0, 1, 1, 2)), b), (1, 2, 3, 2), a)',
      expected: [[0.375, -3.375, -0.6875, 3.0625, 0.25, 3.875, 1.875, -2.5, 0.4375, 1.4375, -0.875, 2.5625]],
    },
    {
      inputs: [
        [2, 1, 2, 2],
        [1, 2, 3, 3],
      ],
      build: inputGrad([2, 2, 4, 4], { stride: 2, padding: [0, 0, 1, 1] }),
      torch: 'grad(lambda x: F.conv2d(F.pad(x, (0, 1, 0, 1)), b, stride=2), (2, 2, 4, 4), a)',
      expected: [
        [
          0.625, -1.5625, -0.5625, 0.625, 0.9375, -1.25, -0.375, 0.5, 1.5, -1.5625, -0.9375, 1.9375, 0.375,
          -0.5, -0.9375, 1.25, 1.5625, -0.625, 0, 0.25, -1.5625, -0.3125, 1.5625, 0.125, -0.625, -0.25,
          0.4375, 0.625, -0.625, -0.125, 1.9375, 0.3125, -0.125, 0.3125, 0.4375, -0.9375, -0.1875, 0.25,
          0.5625, -0.75, -0.75, 1.4375, 0.9375, -0.5625, -0.75, 1, 0, 0, -0.3125, 0.125, 0.8125, -0.375,
          0.3125, 0.0625, -1.125, -0.1875, -1, 0.5, -1.5, 0, 1.25, 0.25, -0.75, 0,
        ],
      ],
    },
    {
      inputs: [
        [1, 3, 2, 1],
        [3, 2, 3, 2],
      ],
      build: inputGrad([1, 2, 6, 3], { stride: 2, padding: [0, 0, 0, 0] }),
      torch: 'grad(lambda x: F.conv2d(x, b, stride=2), (1, 2, 6, 3), a)',
      expected: [
        [
          0.0625, -1.875, 0, 0.3125, 0.4375, 0, -0.375, 2.1875, 0, -1.5625, 0.875, 0, 1.25, -1.8125, 0, 0, 0,
          0, 0.8125, -1.125, 0, 1.0625, 1.1875, 0, 0.5625, 1.0625, 0, -2.0625, 0.375, 0, -1.3125, 1.125, 0, 0,
          0, 0,
        ],
      ],
    },
    {
      inputs: [
        [1, 2, 3, 2],
        [2, 2, 1, 1],
      ],
      build: inputGrad([1, 2, 5, 4], { stride: 2, padding: [0, 0, 0, 0] }),
      torch: 'grad(lambda x: F.conv2d(x, b, stride=2), (1, 2, 5, 4), a)',
      expected: [
        [
          0.875, 0, -0.25, 0, 0, 0, 0, 0, 0, 0, -0.4375, 0, 0, 0, 0, 0, -0.1875, 0, 0.0625, 0, -2.3125, 0,
          0.625, 0, 0, 0, 0, 0, 0.125, 0, 1, 0, 0, 0, 0, 0, 0.5, 0, 0, 0,
        ],
      ],
    },
  ],
  conv2dFilterGrad: [
    {
      inputs: [
        [2, 2, 3, 3],
        [2, 2, 3, 3],
      ],
      build: filterGrad([2, 2, 3, 3], { stride: 1, padding: [1, 1, 1, 1] }),
      torch: 'grad(lambda w: F.conv2d(a, w, padding=1), (2, 2, 3, 3), b)',
      expected: [
        [
          -2.6875, 3.375, -3.25, 2, -0.6875, -4.25, 6.0625, -2.3125, -2.625, 4.375, -3.9375, 1.25, 3.5625,
          -6.125, 3.4375, 1.3125, -3.625, 4.5, -2.0625, 1.25, 1.3125, -2.125, 11.5625, -2.125, 1.3125, 1.25,
          -2.0625, 1.25, 1.375, -2.0625, 3.4375, -2.3125, -2.125, 4.5, -3.625, 1.3125,
        ],
      ],
    },
    {
      inputs: [
        [1, 2, 5, 3],
        [1, 3, 3, 2],
      ],
      build: filterGrad([3, 2, 3, 2], { stride: 2, padding: [1, 0, 2, 1] }),
      torch: 'grad(lambda w: F.conv2d(F.pad(a, (0, 1, 1, 2)), w, stride=2), (3, 2, 3, 2), b)',
      expected: [
        [
          1.625, -0.1875, 1.5, -0.75, -0.4375, -0.1875, -1.0625, 1, -0.0625, 1.0625, 0.625, 0.8125, 1.625,
          -0.1875, 1.5, -0.75, -0.4375, -0.1875, -1.3125, 0.875, -0.4375, 1.5625, 0.375, 0.6875, -0.4375,
          -0.1875, -4.6875, 0.625, -0.4375, 0.5, 0.5, 0.75, 1.25, 0, 0.8125, -2.1875,
        ],
      ],
    },
    {
      inputs: [
        [1, 2, 5, 4],
        [1, 2, 3, 2],
      ],
      build: filterGrad([2, 2, 1, 1], { stride: 2, padding: [0, 0, 0, 0] }),
      torch: 'grad(lambda w: F.conv2d(a, w, stride=2), (2, 2, 1, 1), b)',
      expected: [[-0.8125, 0.3125, 1.0625, 0.3125]],
    },
  ],
  softmax: [
    {
      inputs: [[2, 2, 3]],
      build: one(op.softmax),
      torch: 'a.softmax(-1)',
      expected: [
        [
          0.112719, 0.648654, 0.238627, 0.665241, 0.244728, 0.090031, 0.665241, 0.244728, 0.090031, 0.665241,
          0.244728, 0.090031,
        ],
      ],
    },
  ],
  logSoftmax: [
    {
      inputs: [[2, 4]],
      build: one(op.logSoftmax),
      torch: 'a.log_softmax(-1)',
      expected: [[-3.047095, -1.297095, -2.297095, -0.547095, -1.450133, -2.450133, -0.700133, -1.700133]],
    },
  ],
  affine: [
    {
      inputs: [[2, 2, 2, 2], [2], [2]],
      build: (g, [x, scale, bias]) => op.affine(g, x!, scale!, bias!),
      torch: 'a * b.reshape(1, 2, 1, 1) + c.reshape(1, 2, 1, 1)',
      expected: [
        [
          0.875, 0, 0.5, -0.375, -0.4375, -1.6875, 0.5, -0.75, 0.75, -0.125, 0.375, 0.875, -0.125, -1.375,
          0.8125, -0.4375,
        ],
      ],
    },
    {
      inputs: [[2, 3], [3], [3]],
      build: (g, [x, scale, bias]) => op.affine(g, x!, scale!, bias!),
      torch: 'a * b + c',
      expected: [[0.875, -0.125, 0.875, -0.375, -0.4375, 0.8125]],
    },
  ],
  normalizeGroups: [
    {
      inputs: [[2, 4, 2, 1]],
      build: (g, [x]) => op.normalizeGroups(g, x!, 2, 0.01),
      torch: 'F.group_norm(a, 2, eps=0.01), (a.reshape(2, 2, 4).var(2, unbiased=False) + 0.01) ** -0.5',
      expected: [
        [
          -1.305879, 0.522352, -0.522352, 1.305879, 0.197488, -1.382417, 1.382417, -0.197488, -0.717001,
          1.513668, 0.239, -1.035668, 0.197488, -1.382417, 1.382417, -0.197488,
        ],
        [1.044703, 1.579905, 1.274668, 1.579905],
      ],
    },
  ],
  batchNorm: [
    {
      inputs: [[2, 2, 2, 2], [2], [2]],
      build: (g, [x, scale, bias]) => op.batchNorm(g, x!, scale!, bias!, 0.01),
      torch:
        'F.batch_norm(a, None, None, b, c, True, 0, 0.01), a.mean((0, 2, 3)), a.var((0, 2, 3), unbiased=False)',
      expected: [
        [
          0.821609, -0.148394, 0.405893, -0.56411, -0.75, -2.687461, 0.703095, -1.234365, 0.683037, -0.286966,
          0.267321, 0.821609, -0.265635, -2.203095, 1.187461, -0.75,
        ],
        [-0.21875, 0.25],
        [0.803711, 0.40625],
      ],
    },
  ],
  upsample2x: [
    {
      inputs: [[1, 2, 2, 2]],
      build: one(op.upsample2x),
      torch: 'F.interpolate(a, scale_factor=2)',
      expected: [
        [
          -1.25, -1.25, 0.5, 0.5, -1.25, -1.25, 0.5, 0.5, -0.5, -0.5, 1.25, 1.25, -0.5, -0.5, 1.25, 1.25,
          0.25, 0.25, -0.75, -0.75, 0.25, 0.25, -0.75, -0.75, 1, 1, 0, 0, 1, 1, 0, 0,
        ],
      ],
    },
  ],
};

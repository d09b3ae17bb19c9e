// Reads a dataset while the process has but a few of its open files left, and says what came of it. A process of its own,
// with a low limit: `node few-files.ts FOLDER FREE`.

import { closeSync, openSync } from 'node:fs';
import { decodeImage } from '../../src/datasets/images/image.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { patience } from '../../src/files/patience.ts';

const [root = '', free = '0'] = process.argv.slice(2);
const held: number[] = [];
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
}
for (const file of held.splice(0, Number(free))) closeSync(file);
// what does not pass is not waited for here
if (free === '0') patience.giveUp();
const found = { usable: 0, bad: 0, ended: '' };
try {
  const dataset = await openDataset(root, { decoder: { decode: decodeImage, ahead: 512 } });
  for await (const result of dataset.read()) found[result.ok ? 'usable' : 'bad'] += 1;
} catch (error) {
  found.ended = (error as Error).name;
}
for (const file of held) closeSync(file);
process.stdout.write(`${JSON.stringify(found)}\n`);

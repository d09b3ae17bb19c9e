import { readFileSync } from 'node:fs';
import { main } from 'assemblyscript/asc';
import { describe, expect, it } from 'vitest';
import { projectPath } from '../support/paths.ts';

const SOURCE = 'src/math/assembly/normal.ts';

/** As `asc` compiles it. */
async function compile(): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const options = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--initialMemory', '1'];
  const { error, stderr } = await main([SOURCE, ...options, '--outFile', 'normal.wasm'], {
    readFile: (name) => (name === SOURCE ? readFileSync(projectPath(SOURCE), 'utf8') : null),
    writeFile: (name, contents) => void files.set(name, contents as Uint8Array),
    listFiles: () => null,
  });
  if (error) throw new Error(stderr.toString());
  return files.get('normal.wasm')!;
}

describe('the kernel of the normal numbers', () => {
  it('is what its source is compiled to', async () => {
    const base64 = Buffer.from(await compile()).toString('base64');
    const module = [
      `// What assembly/normal.ts is compiled to, in base64; made by test/math/kernel.test.ts.`,
      '',
      'export const NORMAL_WASM =',
      `  '${base64}';`,
      '',
    ];
    await expect(module.join('\n')).toMatchFileSnapshot(projectPath('src/math/normal.wasm.ts'));
  });
});

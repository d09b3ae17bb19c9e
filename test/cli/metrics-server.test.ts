// Counters over HTTP: the numbers that a tally has, in the text that Prometheus reads, and a real run that is scraped
// while it works.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Tally } from '../../src/app/tally.ts';
import { MetricsServer } from '../../src/cli/metrics-server.ts';
import { writeTinyModels } from '../support/tiny-models.ts';
import { SOURCE } from './program.ts';

/** Samples of the exposition format by name with labels. */
function parsed(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

async function started(tally: Tally): Promise<MetricsServer> {
  const server = await MetricsServer.start(0, '127.0.0.1', tally);
  onTestFinished(() => server.close());
  return server;
}

describe('MetricsServer', () => {
  it('shows what is so when it is asked', async () => {
    const tally = new Tally();
    const { url } = await started(tally);
    const before = parsed(await (await fetch(url)).text());
    expect(before.get('dataelixir_samples_total{outcome="raw"}')).toBe(0);
    expect(before.get('dataelixir_worker_restarts_total')).toBe(0);
    expect(before.get('dataelixir_last_pass_timestamp_seconds')).toBe(0);
    expect([...before.keys()].join()).not.toMatch(/verdict_classes|training/);

    tally.count('raw');
    tally.count('raw');
    tally.count('dropped');
    tally.pass('observe', 7);
    tally.train('observer', 2.5);
    tally.train('observer', 1.25);
    const classes = (['clean', 'target', 'clean', 'undecided'] as const).map((state, label) => ({
      ...{ label, state, moved: 0, metric: null, score: null },
      samples: state === 'undecided' ? 0 : 5,
    }));
    tally.judge({ classes });
    tally.endPass(true, new Date(1_700_000_000_500));
    tally.watch({ runner: { denoiserCalls: 40 }, credit: { inFlight: 3 } });
    tally.watch({ pool: { restarts: 2, queued: 5, busy: 1 }, clock: { seconds: { observe: 1.5 } } });
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toContain('# TYPE dataelixir_samples_total counter\n');
    expect(text).toContain('# TYPE dataelixir_queued_tasks gauge\n');
    expect(Object.fromEntries(parsed(text))).toEqual({
      'dataelixir_samples_total{outcome="raw"}': 2,
      'dataelixir_samples_total{outcome="purified"}': 0,
      'dataelixir_samples_total{outcome="dropped"}': 1,
      'dataelixir_samples_total{outcome="quarantined"}': 0,
      'dataelixir_stage_samples_total{stage="observe"}': 7,
      'dataelixir_stage_seconds_total{stage="observe"}': 1.5,
      dataelixir_denoiser_calls_total: 40,
      dataelixir_worker_restarts_total: 2,
      dataelixir_in_flight_samples: 3,
      dataelixir_busy_tasks: 1,
      dataelixir_queued_tasks: 5,
      'dataelixir_training_steps_total{network="observer"}': 2,
      'dataelixir_training_loss{network="observer"}': 1.25,
      'dataelixir_verdict_classes{state="clean"}': 2,
      'dataelixir_verdict_classes{state="target"}': 1,
      'dataelixir_verdict_classes{state="undecided"}': 0,
      dataelixir_last_pass_timestamp_seconds: 1_700_000_000.5,
    });
  });

  it('says whether the run lives: not where it ends, nor where its last pass failed', async () => {
    const tally = new Tally();
    const { url } = await started(tally);
    const health = async () => {
      const response = await fetch(new URL('/healthz?x', url));
      return [response.status, await response.text()];
    };
    expect(await health()).toEqual([200, 'ok\n']);
    tally.endPass(false);
    expect(await health()).toEqual([503, 'the last pass failed, and is tried again\n']);
    tally.endPass(true);
    expect(await health()).toEqual([200, 'ok\n']);
    tally.end();
    tally.endPass(true);
    expect(await health()).toEqual([503, 'ending\n']);
  });

  it('answers for /metrics alone, and on its own address alone', async () => {
    const { url } = await started(new Tally());
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect((await fetch(new URL('/', url))).status).toBe(404);
  });

  it('passes over a query', async () => {
    const { url } = await started(new Tally());
    expect((await fetch(`${url}?name[]=x`)).status).toBe(200);
    expect((await fetch(`${url}x?name`)).status).toBe(404);
  });

  it('holds few connections, and none for long that says nothing', async () => {
    const { url } = await started(new Tally());
    const { port, hostname } = new URL(url);
    const sockets = Array.from({ length: 40 }, () => connect(Number(port), hostname));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    let open = sockets.length;
    for (const socket of sockets) {
      socket.on('error', () => undefined).on('close', () => open--);
      socket.write('GET /metr');
    }
    while (open > 16) await wait(10);
    for (const socket of sockets.slice(0, 20)) socket.destroy();
    await Promise.all(sockets.slice(0, 20).map((socket) => socket.closed || once(socket, 'close')));
    expect((await fetch(url)).status).toBe(200);
  });

  it('refuses a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    await expect(MetricsServer.start(port, '127.0.0.1', new Tally())).rejects.toMatchObject({
      code: 'config',
      message: expect.stringMatching(/metrics\.port: .*EADDRINUSE.*; choose another/),
    });
  });
});

describe('--metrics-port', () => {
  it('can be scraped while a run works; the record has the same totals in the end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dataelixir-metrics-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { denoiser, observer } = await writeTinyModels(folder);
    writeFileSync(
      join(folder, 'config.yaml'),
      `{ workers: 2, dataset: { train: ['shapes:train'], limit: 120 }, metrics: { port: 0 },
         denoiser: { path: '${denoiser}' }, observer: { path: '${observer}' },
         classifier: { widths: [4, 8], epochs: 1, batch: 20 }, diffusion: { rounds: 1, steps: 5, batch: 4 }, detect: { canaries: 0 } }`,
    );
    const args = [...SOURCE, 'purify', '--config', 'config.yaml', '--log-format', 'json'];
    const child = spawn(process.execPath, args, { cwd: folder });
    child.stdout.resume();
    const scraped: Map<string, number>[] = [];
    const health = new Set<number>();
    let stderr = '';
    const scrape = async (url: string) => {
      while (child.exitCode === null) {
        // the run may end, and its server with it, between the two lines
        const response = await fetch(url).catch(() => undefined);
        if (!response) return;
        scraped.push(parsed(await response.text()));
        health.add(
          await fetch(new URL('/healthz', url)).then(
            ({ status }) => status,
            () => 200,
          ),
        );
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    let scraping: Promise<void> | undefined;
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      const url = /"event":"serving","url":"(\S+)"/.exec(stderr)?.[1];
      if (url) scraping ??= scrape(url);
    });
    const [code] = await once(child, 'close');
    await scraping;
    expect(code, stderr).toBe(0);

    const observed = scraped.map(
      (numbers) => numbers.get('dataelixir_stage_samples_total{stage="observe"}') ?? 0,
    );
    expect(observed.some((samples) => samples > 0 && samples < 120)).toBe(true);
    expect(observed).toEqual([...observed].sort((a, b) => a - b));
    expect(scraped.some((numbers) => numbers.get('dataelixir_busy_tasks')! > 0)).toBe(true);
    expect(scraped.some((numbers) => numbers.get('dataelixir_in_flight_samples')! > 0)).toBe(true);

    const steps = scraped.map(
      (numbers) => numbers.get('dataelixir_training_steps_total{network="benign"}') ?? 0,
    );
    expect(steps.some((count) => count > 0)).toBe(true);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(scraped.at(-1)!.get('dataelixir_verdict_classes{state="target"}')).toBe(0);
    expect([...health]).toEqual([200]);

    // all that a line says is there for programs, too
    const events = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ event }) => event === undefined)).toEqual([]);
    const found = Object.fromEntries(events.map((line) => [line.event, line]));
    expect(found).toMatchObject({
      verdict: { stage: 'detect', samples: 120, targetLabels: [], classes: { target: 0 } },
      trained: { network: 'benign', steps: 6, loss: expect.any(Number) },
      purified: { written: 120, dropped: 0, quarantined: 0, path: join(folder, 'record/run') },
    });

    const { totals, cost, dataset } = JSON.parse(
      readFileSync(join(folder, 'record/run/metrics.json'), 'utf8'),
    );
    expect(totals).toEqual({
      samples: { raw: 120, purified: 0, dropped: 0, quarantined: 0 },
      denoiserCalls: 600,
      workerRestarts: 0,
      seconds: cost.seconds,
    });
    expect(600).toBe(cost.denoiserCallsPerSample * dataset.train);
    expect(scraped.at(-1)!.get('dataelixir_denoiser_calls_total')).toBeLessThanOrEqual(totals.denoiserCalls);
  });
});

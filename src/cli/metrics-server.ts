// Counters of a run for Prometheus, over HTTP at /metrics while the run lasts, and at /healthz whether it does. Numbers are
// read when somebody asks, so nobody pays for them otherwise. Who reaches the port can read these, and nothing else.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Health, Tally, Training } from '../app/tally.ts';
import { ConfigError } from '../errors.ts';

const PREFIX = 'dataelixir_';
/** Each connection takes one of the files that the run may have open; whoever scrapes needs one for a moment. */
const MOST_CONNECTIONS = 16;
/** Milliseconds for a request to come, and for a connection to stay without one. */
const REQUEST_MS = 5000;
const KEPT_MS = 5000;
const CHECK_MS = 1000;

const HEALTH: Readonly<Record<Health, string>> = {
  ok: 'ok',
  ending: 'ending',
  failed: 'the last pass failed, and is tried again',
};

export class MetricsServer {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, host: string) {
    const { port } = server.address() as AddressInfo;
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`;
    this.#server = server;
  }

  /**
   * @param port 0 for any that is free
   * @throws {ConfigError} when the address cannot be listened on
   */
  static async start(port: number, host: string, tally: Tally): Promise<MetricsServer> {
    const registry = registryOf(tally);
    const limits = {
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEPT_MS,
      connectionsCheckingInterval: CHECK_MS,
    };
    const server = createServer(limits, (request, response) => {
      answer(registry, tally, request, response).catch(() => response.destroy());
    });
    server.maxConnections = MOST_CONNECTIONS;
    // a connection that has said nothing at all is idle, too
    server.timeout = REQUEST_MS;
    // A run that has ended does not stay for its readers.
    server.unref();
    await new Promise<void>((resolve, reject) => {
      server.on('error', ({ message }) =>
        // later ones, as where no connection can be taken, are nothing to the run
        reject(
          new ConfigError(
            `metrics.port: expected to listen on ${host}, found: ${message}; choose another port or metrics.host`,
          ),
        ),
      );
      server.listen(port, host, resolve);
    });
    return new MetricsServer(server, host);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  registry: Registry,
  tally: Tally,
  { url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = url.split('?', 1)[0];
  if (path === '/healthz') {
    const { health } = tally;
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
    response.writeHead(health === 'ok' ? 200 : 503, headers).end(`${HEALTH[health]}\n`);
    return;
  }
  if (path !== '/metrics') {
    response.writeHead(404).end('expected /metrics or /healthz\n');
    return;
  }
  const text = await registry.metrics();
  response.writeHead(200, { 'content-type': registry.contentType }).end(text);
}

/** Values by the label that tells them apart. */
type Labelled = () => Iterable<readonly [label: string, value: number]>;

/** Every number with its name and meaning; each is set when it is collected. */
function registryOf(tally: Tally): Registry {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string, values: Labelled, label: string) =>
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [of, value] of values()) this.inc({ [label]: of }, value);
      },
    });
  const total = (name: string, help: string, value: () => number) =>
    new Counter({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  /** None where nothing is known yet. */
  const gauges = (name: string, help: string, values: Labelled, label: string) =>
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [of, value] of values()) this.set({ [label]: of }, value);
      },
    });
  counter('samples_total', 'Samples by outcome.', () => Object.entries(tally.totals.samples), 'outcome');
  counter('stage_samples_total', 'Samples that passed a stage.', () => tally.passed, 'stage');
  counter('stage_seconds_total', 'Seconds by stage.', () => Object.entries(tally.totals.seconds), 'stage');
  total('denoiser_calls_total', 'Calls of the denoiser, for each image.', () => tally.totals.denoiserCalls);
  total('worker_restarts_total', 'Workers that died and were replaced.', () => tally.totals.workerRestarts);
  gauge('in_flight_samples', 'Samples between reader and writer.', () => tally.inFlight);
  gauge('busy_tasks', 'Tasks that workers are at.', () => tally.tasks.busy);
  gauge('queued_tasks', 'Tasks that wait for a worker.', () => tally.tasks.queued);
  const trained = (value: (training: Training) => number) => () =>
    [...tally.trainings].map(([network, training]) => [network, value(training)] as const);
  counter(
    'training_steps_total',
    'Steps of training, by network.',
    trained(({ steps }) => steps),
    'network',
  );
  gauges(
    'training_loss',
    'Loss of the last step of training, by network.',
    trained(({ loss }) => loss),
    'network',
  );
  gauges(
    'verdict_classes',
    'Classes by what the last verdict says of them.',
    () => Object.entries(tally.states ?? {}),
    'state',
  );
  gauge(
    'last_pass_timestamp_seconds',
    'When the last pass over everything ended, since 1970; 0 before the first.',
    () => (tally.lastPass?.getTime() ?? 0) / 1000,
  );
  return registry;
}

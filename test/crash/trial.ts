// One scenario, undisturbed and then killed so many times, each time called again with the same command: what is there in
// the end must be the same. Every other kill comes at a moment of the clock, the others in the middle of a step that changes
// something (see killed.mjs); all are drawn by the seed.

import { RandomStream, randomKey } from '../../src/math/random.ts';
import type { End } from './child.ts';
import { Lab } from './lab.ts';
import type { Scenario } from './scenarios.ts';

/** Where a kill comes: after milliseconds from the start, or in a step. */
type Moment = { readonly after: number } | { readonly step: number };

export interface Trial {
  readonly scenario: string;
  /** Names of what is compared. */
  readonly compared: number;
  /** Of the undisturbed run. */
  readonly milliseconds: number;
  readonly steps: number;
  readonly kills: number;
  readonly equal: number;
  /** What is different, by kill. */
  readonly different: readonly string[];
}

/**
 * Plays a scenario.
 *
 * @param entry how Node runs the program
 * @param said  is told of each kill
 */
export async function playTrial(
  scenario: Scenario,
  {
    entry,
    kills,
    seed,
    said,
  }: { entry: readonly string[]; kills: number; seed: number; said?: (line: string) => void },
): Promise<Trial> {
  const lab = new Lab(entry);
  try {
    await lab.furnish();
    await scenario.prepare(lab);
    lab.keep();
    const idle = await timed(() => lab.live(['--version']));
    lab.reset();
    const player = new Player(lab, scenario);
    const whole = await timed(() => player.live());
    const expected = await player.outcome();
    const random = new RandomStream(randomKey(seed, scenario.name));
    let equal = 0;
    const different: string[] = [];
    for (let n = 0; n < kills; n++) {
      // the end, where all gets its name, is short
      const share = Math.sqrt(random.uniform());
      const moment: Moment =
        n % 2 === 0
          ? { step: 1 + random.integer(whole.value.steps) }
          : { after: Math.round(idle.milliseconds + share * (whole.milliseconds - idle.milliseconds)) };
      const found = await playKill(lab, scenario, moment);
      const names = [...new Set([...expected.keys(), ...found.keys()])];
      const unlike = names.filter((name) => found.get(name) !== expected.get(name));
      const told = `${scenario.name} ${JSON.stringify(moment)}`;
      if (unlike.length === 0) equal += 1;
      else different.push(`${told}: ${unlike.join(', ')}`);
      said?.(`${told}: ${unlike.length === 0 ? 'equal' : 'DIFFERENT'}`);
    }
    const { milliseconds, value } = whole;
    return {
      scenario: scenario.name,
      compared: expected.size,
      milliseconds: Math.round(milliseconds),
      steps: value.steps,
      kills,
      equal,
      different,
    };
  } finally {
    lab.remove();
  }
}

async function playKill(lab: Lab, scenario: Scenario, moment: Moment): Promise<Map<string, string>> {
  lab.reset();
  const player = new Player(lab, scenario);
  const { signal } = await player.live(moment);
  if (signal !== 'SIGKILL') {
    // who is faster than the undisturbed run was is killed sooner
    if ('after' in moment) return playKill(lab, scenario, { after: Math.round(0.7 * moment.after) });
    throw new Error(`expected step ${moment.step} of ${scenario.name}, found fewer`);
  }
  await player.live();
  return player.outcome();
}

/** Runs one scenario's command, with what happens around it. */
class Player {
  readonly #lab: Lab;
  readonly #scenario: Scenario;
  #stage = 0;
  /** Samples of the pass that is under way. */
  #seen = 0;

  constructor(lab: Lab, scenario: Scenario) {
    this.#lab = lab;
    this.#scenario = scenario;
  }

  /** @throws {Error} where it ends otherwise than by its kill, or as it should */
  async live(moment?: Moment): Promise<End & { readonly steps: number }> {
    const { args, stages } = this.#scenario;
    const end = await this.#lab.live(args, {
      ...(moment && ('step' in moment ? moment : { kill: { signal: 'SIGKILL', ...moment } })),
      heard: (line, stop) => this.#heard(line, stop),
    });
    const { code, signal, stderr } = end;
    if (code === (stages ? 143 : 0) || (moment && signal === 'SIGKILL')) return end;
    throw new Error(`${args.join(' ')}, ${JSON.stringify(moment)}, ended with ${signal ?? code}: ${stderr}`);
  }

  async outcome(): Promise<Map<string, string>> {
    const { finally: last, states } = this.#scenario;
    if (last) await this.#lab.run(last);
    return this.#lab.outcome(states);
  }

  /** A pass over all that is there is followed by the next change, the last one by the end. */
  #heard(line: string, stop: () => void): void {
    const { event, samples } = JSON.parse(line);
    if (event === 'verdict') this.#seen = samples;
    const stage = this.#scenario.stages?.[this.#stage];
    if (event !== 'pass' || this.#seen !== stage?.samples) return;
    // who was killed while he ended is called again, and told again
    if (!stage.next) stop();
    else {
      stage.next(this.#lab);
      this.#stage += 1;
    }
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; milliseconds: number }> {
  const begin = performance.now();
  const value = await work();
  return { value, milliseconds: performance.now() - begin };
}

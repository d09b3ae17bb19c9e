// A verdict in words, for whoever does not want to read JSON: what was found, what was ruled out and how well, what
// nobody can tell and why, and what to do next. Classes are called by their names.

import { withoutControls } from '../control-characters.ts';
import { REASONS } from '../defense/verdict/reasons.ts';
import type { ClassVerdict, Verdict } from '../defense/verdict/verdict.ts';

/** Names that are listed; of more, their number is told. */
const LISTED = 8;

/** @param classNames by label, where the dataset has names. @returns a sentence or two a line */
export function inWords({ classes, samples }: Verdict, classNames?: readonly string[]): readonly string[] {
  const named = ({ label }: ClassVerdict) => withoutControls(classNames?.[label] ?? `label ${label}`);
  const of = (state: ClassVerdict['state']) =>
    classes.filter((one) => one.state === state && one.samples > 0);
  const [targets, clean, open] = [of('target'), of('clean'), of('undecided')];
  const judged = classes.filter((one) => one.samples > 0).length;
  const lines = [
    targets.length === 0
      ? `No poison was found in ${samples} samples of ${judged} classes.`
      : `Poison was found in ${targets.length} of ${judged} classes (${samples} samples): ${listed(targets.map(named))}.`,
    ...targets.map((one) => evidenceFor(one, named(one))),
  ];
  if (clean.length > 0) {
    lines.push(`Clean: ${listed(clean.map(named))}.${silenceOf(clean)}`);
  }
  if (open.length > 0)
    lines.push(`Nobody can tell: ${listed(open.map((one) => `${named(one)} (${whyNot(one)})`))}.`);
  if (targets.length > 0)
    lines.push('Next: repair the dataset with `dataelixir purify`, and look at the evidence.');
  else if (open.length > 0)
    lines.push('Next: silence about those classes is no news; docs/method.md says what helps.');
  return lines;
}

function evidenceFor({ pValue, stamp, flow }: ClassVerdict, name: string): string {
  const p = pValue === undefined ? '' : ` (p ${pValue.toExponential(0)})`;
  const works = stamp && stamp.logP <= (flow?.logP ?? 0);
  const why = works
    ? `what purification removed from it turns ${stamp.hits} of ${stamp.images} other images`
    : 'its samples are other classes’ images once they are purified, and nothing comes back';
  return `${name}: ${why}${p}.`;
}

/** The worst power among clean classes, by kind of trigger that is known. */
function silenceOf(clean: readonly ClassVerdict[]): string {
  const kinds = [...new Set(clean.flatMap(({ power }) => Object.keys(power ?? {})))];
  const shares = kinds.flatMap((kind) => {
    const least = clean.map(({ power }) => power?.[kind]);
    const known = least.filter((share) => typeof share === 'number');
    return known.length < clean.length ? [] : [`${kind} ${percent(Math.max(...known))}`];
  });
  return shares.length === 0 ? '' : ` Poison of so much of a class would have shown: ${shares.join(', ')}.`;
}

function whyNot({ reasons = [] }: ClassVerdict): string {
  const [first] = reasons;
  return first === undefined ? 'no reason' : REASONS[first];
}

function listed(names: readonly string[]): string {
  const some = names.slice(0, LISTED).join(', ');
  return names.length > LISTED ? `${some} and ${names.length - LISTED} more` : some;
}

function percent(share: number): string {
  return `${Math.ceil(100 * share)} %`;
}

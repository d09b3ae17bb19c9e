// Steps 5 and 6: with the verdict known, each sample is settled (raw or purified) or waits for the benign model.

import { defer, map, type OperatorFunction } from 'rxjs';
import { locateTrigger, type Trigger } from '../../src/defense/carriers/trigger.ts';
import type { Residuals } from '../../src/defense/evidence/residuals.ts';
import { decideNamed, decideRepair, type RepairPolicy } from '../../src/defense/repair/repair.ts';
import type { JudgedRecord, SettledSample, WaitingSample } from '../../src/ports/records.ts';
import { counted, type Report } from '../progress.ts';
import { type InspectedRecord, inspect } from './inspect.ts';
import { type Planned, type SettleParts, settle } from './settle.ts';

interface SelectParts extends SettleParts {
  readonly policy: RepairPolicy;
  /** What purification removed from the samples that came this way before. */
  readonly residuals: Residuals;
  readonly report: Report;
}

export function select(parts: SelectParts): OperatorFunction<JudgedRecord, SettledSample | WaitingSample> {
  return (source) =>
    defer(() => {
      const byRules = rulePlanner(parts);
      const plan = (judged: InspectedRecord) => planNamed(judged, parts.policy) ?? byRules(judged);
      return source.pipe(
        inspect(parts),
        map(plan),
        settle(parts),
        counted('select', parts.report, () => parts.store.count),
      );
    });
}

/** Samples of flagged classes, where images were looked at; undefined for all others. */
function planNamed(
  { record, verdict, knowledge, carries }: InspectedRecord,
  policy: RepairPolicy,
): Planned | undefined {
  const { label, scores } = record;
  if (!(knowledge && scores && policy.method !== 'rules' && verdict.targetLabels.includes(label))) return;
  const trigger = knowledge.triggers.get(label);
  const suspect = {
    local: trigger?.local === true,
    overlaid: knowledge.overlays.has(label),
    cleanLabel: knowledge.cleanLabel.has(label),
    carries,
  };
  const repair = decideNamed({ ...record, scores }, knowledge.naming, suspect, policy);
  if (repair.action === 'subtract') return { record, repair, overlay: knowledge.overlays.get(label) };
  return { record, repair, ...(repair.action === 'restore' && { mask: trigger?.mask }) };
}

/** By step 6, as the policy's actions say; triggers are located when they are first asked for. */
function rulePlanner({ policy, residuals, store }: SelectParts): (judged: JudgedRecord) => Planned {
  const triggers = new Map<number, Trigger | undefined>();
  return ({ record, verdict: { targetLabels } }) => {
    const { label } = record;
    const repair = decideRepair(record, targetLabels, policy);
    if (repair.action !== 'restore') return { record, repair };
    if (!triggers.has(label)) triggers.set(label, locateTrigger(residuals, label, targetLabels, store.shape));
    const trigger = triggers.get(label);
    return { record, repair, mask: trigger?.local ? trigger.mask : undefined };
  };
}

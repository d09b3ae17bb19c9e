// Step 7 of DataElixir, the rule of it. The benign model was trained on what is settled and never saw a suspicious
// sample; where it says of the raw image what most candidates say, the sample is believed and can teach it.

/** Whether a suspicious sample joins the fine-tuning with its majority label; the rest takes the benign model's. */
export function agrees(majority: number, benignPrediction: number): boolean {
  return majority === benignPrediction;
}

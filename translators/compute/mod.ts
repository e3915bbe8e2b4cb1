/**
 * Computing: pipelines over files, their results, and what they depend on.
 *
 * @module
 */
export { Compute, type ComputeOptions } from "./compute.ts";
export { Evaluation, type InputReport, type StageReport } from "./evaluation.ts";
export { Inputs, textInput } from "./input.ts";
export { type Explanation, type Look, type Opened, Output } from "./output.ts";
export { Outputs, type OutputsOptions } from "./outputs.ts";
export { pathOf } from "./places.ts";
export type { Runner } from "./runner.ts";

/**
 * What a module says of itself, and what it asks for: `manifest.yaml`.
 *
 * @module
 */
export { millisecondsOf } from "./amounts.ts";
export {
  type Capability,
  defaultManifest,
  type Limits,
  LIMITS_DEFAULT,
  type Manifest,
  manifestJsonSchema,
  NAME,
  type Parameter,
  parseManifest,
} from "./manifest.ts";
export { runLimits } from "./run_limits.ts";

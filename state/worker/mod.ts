/**
 * The Worker that is the only writer of a volume, and `verify`, which checks all that it has written.
 *
 * @module
 */
export { type LackingFiles } from "./clone_contents.ts";
export { type Cloned, type CloneOptions, type CloneProgress, receiveClone, type Source } from "./clone.ts";
export type { Conflict } from "./conflicts.ts";
export {
  CONTENTS,
  type ContentsChoice,
  type Next,
  nextStep,
  type Step,
  type Told,
  type Wish,
} from "./exchange_words.ts";
export { type Verified, verify } from "./verify.ts";

import type { Rule } from "./rule.ts";
import { attach } from "./rules/attach.ts";
import { attributes } from "./rules/attributes.ts";
import { badNames } from "./rules/bad_names.ts";
import { create } from "./rules/create.ts";
import { dialects } from "./rules/dialects.ts";
import { directories } from "./rules/directories.ts";
import { errors } from "./rules/errors.ts";
import { flush } from "./rules/flush.ts";
import { frames } from "./rules/frames.ts";
import { io } from "./rules/io.ts";
import { lasting } from "./rules/lasting.ts";
import { linuxNames } from "./rules/linux_names.ts";
import { locks } from "./rules/locks.ts";
import { open } from "./rules/open.ts";
import { qid } from "./rules/qid.ts";
import { races } from "./rules/races.ts";
import { session } from "./rules/session.ts";
import { stat } from "./rules/stat.ts";
import { walk } from "./rules/walk.ts";
import { xattrs } from "./rules/xattrs.ts";

/** Every test, in the order of 9P-RULES.md. */
export const RULES: readonly Rule[] = [
  ...session,
  ...frames,
  ...attach,
  ...walk,
  ...badNames,
  ...qid,
  ...open,
  ...create,
  ...io,
  ...directories,
  ...flush,
  ...stat,
  ...dialects,
  ...errors,
  ...attributes,
  ...lasting,
  ...linuxNames,
  ...locks,
  ...xattrs,
  ...races,
].sort((a, b) => a.id.localeCompare(b.id));

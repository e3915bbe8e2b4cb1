import type { Rule } from "./rule.ts";
import { attach } from "./rules/attach.ts";
import { dialects } from "./rules/dialects.ts";
import { flush } from "./rules/flush.ts";
import { io } from "./rules/io.ts";
import { open } from "./rules/open.ts";
import { qid } from "./rules/qid.ts";
import { session } from "./rules/session.ts";
import { stat } from "./rules/stat.ts";
import { walk } from "./rules/walk.ts";

/** Every test, in the order of 9P-RULES.md. */
export const RULES: readonly Rule[] = [
  ...session,
  ...attach,
  ...walk,
  ...qid,
  ...open,
  ...io,
  ...flush,
  ...stat,
  ...dialects,
].sort((a, b) => a.id.localeCompare(b.id));

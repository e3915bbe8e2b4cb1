import { NineError } from "../../9p/mod.ts";
import { NAME } from "../manifest/mod.ts";
import { split } from "./split.ts";

/** One module of a pipeline with the arguments as they were written: `n=10`, or a bare value. */
export interface Stage {
  readonly name: string;
  readonly args: readonly string[];
}

export const STAGES_MAX = 16;
const ARGS_MAX = 64;

/**
 * Reads `NAME[:ARG…][,NAME[:ARG…]]…`, as `gunzip,head:n=10,jq:.[0]`: stages in the order in which bytes go through. A
 * comma or colon within brackets or quotes belongs to its argument; `%2C`, `%3A` and `%2F` stand for those that do not,
 * and for a slash, which a path cannot have. EINVAL. With `paths`, a name with a slash in it is the path of a module's
 * file, in which the same `%` escapes stand.
 */
export function parsePipeline(text: string, { paths = false }: { readonly paths?: boolean } = {}): Stage[] {
  const parts = split(text, ",");
  if (parts.length > STAGES_MAX) {
    throw new NineError("EINVAL", `A pipeline of ${parts.length} stages, allowed are ${STAGES_MAX}`);
  }
  return parts.map((part) => {
    const [name, ...args] = split(part, ":");
    if (args.length > ARGS_MAX) {
      throw new NineError("EINVAL", `${args.length} arguments for ${name}, allowed are ${ARGS_MAX}`);
    }
    if (paths && name.includes("/")) return { name: unescape(name), args: args.map(unescape) };
    if (!NAME.test(name)) {
      throw new NineError(
        "EINVAL",
        `${JSON.stringify(name)} in the pipeline ${JSON.stringify(text)} is no name of a translator: ` +
          "those are lower-case letters, digits and -. Write NAME[:ARG…][,NAME…], and %2C for a comma of your own",
      );
    }
    return { name, args: args.map(unescape) };
  });
}

/** The text that `parsePipeline` reads as these stages. */
export function formatPipeline(stages: readonly Stage[]): string {
  return stages.map(({ name, args }) => [name, ...args.map(escape)].join(":")).join(",");
}

const ESCAPED = /[%,:/"'()[\]{}\\\0]/g;

function escape(arg: string): string {
  return arg.replace(ESCAPED, (char) => "%" + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"));
}

function unescape(arg: string): string {
  try {
    return arg.includes("%") ? decodeURIComponent(arg.replace(/%(?![0-9A-Fa-f]{2})/g, "%25")) : arg;
  } catch {
    throw new NineError("EINVAL", `${JSON.stringify(arg)} has a % that stands for no character of UTF-8`);
  }
}

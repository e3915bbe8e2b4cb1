import { NineError } from "../../9p/mod.ts";
import type { Manifest, Parameter } from "../manifest/mod.ts";
import type { Stage } from "./pipeline.ts";

/**
 * What a module gets as its arguments behind argv[0]: `NAME=VALUE` for each parameter that was given or has a default,
 * in the manifest's order, so that equal meanings have equal texts. A module without parameters in its manifest gets
 * what was written, as it is. EINVAL for a parameter that there is not, or a value that does not fit.
 */
export function argvOf({ name, args }: Stage, { parameters }: Manifest): string[] {
  if (parameters.length === 0) {
    if (args.some((arg) => arg.includes("\0"))) {
      throw new NineError("EINVAL", `An argument for ${name} has a NUL`);
    }
    return [...args];
  }
  const given = new Map<string, string>();
  for (const [i, arg] of args.entries()) {
    const [parameter, value] = named(arg, parameters) ?? (i === 0 ? unnamed(arg, parameters[0]) : []);
    if (parameter === undefined) {
      const known = parameters.map(({ name }) => name).join(", ");
      throw new NineError("EINVAL", `${JSON.stringify(arg)} for ${name}: its parameters are ${known}`);
    }
    if (given.has(parameter.name)) {
      throw new NineError("EINVAL", `${parameter.name} for ${name} was given twice`);
    }
    given.set(parameter.name, checked(value!, parameter, name));
  }
  return parameters.flatMap((parameter) => {
    const value = given.get(parameter.name) ?? parameter.default;
    return value === undefined ? [] : [`${parameter.name}=${value}`];
  });
}

function named(arg: string, parameters: readonly Parameter[]): [Parameter, string] | undefined {
  const sign = arg.indexOf("=");
  const parameter = sign < 0 ? undefined : parameters.find(({ name }) => name === arg.slice(0, sign));
  return parameter && [parameter, arg.slice(sign + 1)];
}

/** For the first parameter, unless it looks like the name of another one. */
function unnamed(arg: string, first: Parameter): [Parameter, string] | [] {
  return first.type !== "string" && /^[a-z][a-z0-9_-]*=/.test(arg) ? [] : [first, arg];
}

const FITS: Record<Parameter["type"], RegExp> = {
  string: /^[^\0]*$/s,
  integer: /^-?\d{1,18}$/,
  number: /^-?\d{1,18}(\.\d{1,18})?([eE][-+]?\d{1,3})?$/,
  boolean: /^(true|false)$/,
};

function checked(value: string, { name, type, values }: Parameter, module: string): string {
  if (!FITS[type].test(value)) {
    throw new NineError(
      "EINVAL",
      `${name}=${JSON.stringify(value)} for ${module}: it must be of type ${type}`,
    );
  }
  if (values && !values.some((one) => String(one) === value)) {
    throw new NineError(
      "EINVAL",
      `${name}=${JSON.stringify(value)} for ${module}: it must be one of ${values.join(", ")}`,
    );
  }
  return value;
}

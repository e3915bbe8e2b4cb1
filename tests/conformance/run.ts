/**
 * Runs the conformance suite against any 9P server.
 *
 *     deno run -A tests/conformance/run.ts tcp!127.0.0.1!5640 --features symlinks,hardLinks,xattrs
 *     deno run -A tests/conformance/run.ts --start diod
 */
import { parseArgs } from "node:util";
import { type Dialect, DIALECTS } from "../../9p/wire/field.ts";
import { RULES } from "./rules.ts";
import { type Result, runRules } from "./runner.ts";
import { type Features, LACKS, type Started } from "./subject.ts";
import { startDiod } from "./subjects/diod.ts";
import { startHost } from "./subjects/host.ts";
import { startLater, startMem } from "./subjects/mem.ts";
import { startTreeMem, startTreeRoot } from "./subjects/tree.ts";
import { startVolume } from "./subjects/volume.ts";

const HELP = `deno run -A tests/conformance/run.ts ADDR [options]
deno run -A tests/conformance/run.ts --start NAME [options]

  ADDR               a server, as tcp!127.0.0.1!5640 or unix!/run/9p
  --start NAME       instead of ADDR, a server that is started for the tests: mem, later, host, tree, tree-mem, volume, diod
  --aname A          the tree to attach to
  --dialect D        only 9P2000, 9P2000.u or 9P2000.L; may be given several times
  --only R07,R13     only these rules
  --uname U --uid N  who attaches; must be allowed everything (root, 0)
  --read-only        write nothing
  --features F,…     what the server can do; each that is absent is a skip:
                     blocking=PATH or blocking=PATH:rw, deafFile=PATH, controlFile=PATH, unsyncableFile=PATH, claims=NAME:UID,
                     strictAddress=ADDR, mounts=PATH:PATH:…, and the plain words permissions, plan9Flags, xattrs,
                     symlinks, hardLinks, fifos, devices, auth
  --json             one JSON object a line

Exit codes: 0 all that ran passed, 1 something failed, 2 usage.`;

const STARTS: Record<string, () => Promise<Started>> = {
  mem: startMem,
  later: startLater,
  host: startHost,
  tree: startTreeRoot,
  "tree-mem": startTreeMem,
  volume: startVolume,
  diod: startDiod,
};

function usage(why: string): never {
  console.error(`${why}\n\n${HELP}`);
  Deno.exit(2);
}

function parseFeatures(text: string): Features {
  const features: Record<string, unknown> = { noAuth: true };
  for (const word of text.split(",").filter((word) => word !== "")) {
    const [key, ...rest] = word.split("=");
    const value = rest.join("=");
    const [first, second] = value.split(":");
    if (key === "auth") features.noAuth = false;
    else if (key === "blocking") features.blocking = { path: first, access: second === "rw" ? "rw" : "r" };
    else if (key === "claims") features.claims = { uname: first, uid: Number(second) };
    else if (key === "mounts") features.mounts = value.split(":");
    else if (!(key in LACKS) || key === "residue") usage(`${JSON.stringify(key)} is no feature`);
    else features[key] = value === "" ? true : value;
  }
  return features;
}

function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: {
        start: { type: "string" },
        aname: { type: "string", default: "" },
        dialect: { type: "string", multiple: true },
        only: { type: "string" },
        uname: { type: "string", default: "root" },
        uid: { type: "string", default: "0" },
        "read-only": { type: "boolean", default: false },
        features: { type: "string", default: "" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (thrown) {
    usage(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

async function startSubject({ values, positionals }: ReturnType<typeof readArguments>): Promise<Started> {
  if (values.start !== undefined) {
    const start = STARTS[values.start];
    if (!start) usage(`${JSON.stringify(values.start)} cannot be started`);
    return await start();
  }
  const [address] = positionals;
  if (address === undefined || positionals.length > 1) usage("One address is needed");
  return {
    subject: {
      name: address,
      address,
      aname: values.aname,
      dialects: DIALECTS,
      uname: values.uname,
      uid: Number(values.uid),
      writable: !values["read-only"],
      features: parseFeatures(values.features),
    },
    close: () => Promise.resolve(),
  };
}

function line({ outcome, id, dialect, what, reason }: Result): string {
  const text = `${outcome} ${id} ${dialect.padEnd(8)} ${what}`;
  return reason === "" ? text : `${text}: ${reason}`;
}

const parsed = readArguments();
const { values } = parsed;
if (values.help) {
  console.log(HELP);
  Deno.exit(0);
}
for (const dialect of values.dialect ?? []) {
  if (!DIALECTS.includes(dialect as Dialect)) usage(`${JSON.stringify(dialect)} is no dialect`);
}
const started = await startSubject(parsed);
const begin = performance.now();
const results = await runRules(RULES, started, {
  dialects: values.dialect as Dialect[] | undefined,
  only: values.only?.split(","),
  onResult: (result) => console.log(values.json ? JSON.stringify(result) : line(result)),
});
await started.close();
const count = (outcome: Result["outcome"]) => results.filter((result) => result.outcome === outcome).length;
const failed = count("FAIL");
const seconds = ((performance.now() - begin) / 1000).toFixed(1);
const summary = `${count("pass")} passed, ${failed} failed, ${count("skip")} skipped, in ${seconds} s`;
if (values.json) console.log(JSON.stringify({ summary }));
else console.log(summary);
Deno.exit(failed > 0 ? 1 : 0);

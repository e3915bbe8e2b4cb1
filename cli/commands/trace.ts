import type { Command } from "commander";
import { type Address, escapeJson, formatAddress, parseAddress, reasonOf } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { print, table, visible } from "../output.ts";
import { type Passed, Summary } from "../trace/follower.ts";
import { durationText } from "../trace/latencies.ts";
import { proxy } from "../trace/proxy.ts";
import { addressOf, type Where, withWhere } from "../reach.ts";

interface Options extends Where {
  listen?: string;
  keep?: boolean;
  quiet?: boolean;
  json?: boolean;
}

export function define(command: Command): void {
  withWhere(command)
    .argument("[address]", "the server to pass messages to (default: as --addr)")
    .option("--listen <address>", "where clients connect (default: a unix socket in a new folder)")
    .option("-k, --keep", "go on when the last client has ended")
    .option("-q, --quiet", "the summary only")
    .option("--json", "one JSON object a line: the messages, then the summary")
    .addHelpText(
      "after",
      `
Stop with ^C. Data is shown as its length, strings are escaped.

Examples:
  lux9 trace                                       then, as it says:  lux9 ls -a unix!/tmp/…/9p /
  lux9 trace --listen 'tcp!127.0.0.1!5641' 'tcp!127.0.0.1!564'`,
    )
    .action(trace);
}

async function trace(address: string | undefined, options: Options): Promise<void> {
  const target = address === undefined ? addressOf(options) : parsed(address);
  const folder = options.listen === undefined ? Deno.makeTempDirSync({ prefix: "lux9-trace-" }) : undefined;
  const here: Address = folder ? { net: "unix", path: `${folder}/9p` } : parsed(options.listen!);
  const summary = new Summary();
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(6);
  const listener = listen(here);
  const show = (line: string, fields: Record<string, unknown>) => {
    if (options.json) print(escapeJson({ time: Number(seconds()), ...fields }));
    else print(`${seconds()} ${line}`);
  };
  console.error(`Listening on ${formatAddress(here)} for ${formatAddress(target)}; stop with ^C`);
  const stop = () => listener.close();
  Deno.addSignalListener("SIGINT", stop);
  try {
    await serve(listener, options.keep ?? false, (number, conn) =>
      proxy(number, conn, {
        target,
        summary,
        onMessage: (connection, passed) =>
          options.quiet || show(lineOf(connection, passed), { connection, ...passed }),
        onNote: (connection, note) =>
          options.quiet || show(`${connection} -- ${visible(note)}`, { connection, note }),
      }));
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    // A unix listener removes its socket itself when it is closed.
    closeQuietly(listener);
    if (folder) Deno.removeSync(folder, { recursive: true });
  }
  if (options.json) print(escapeJson({ summary: summary.rows() }));
  else for (const line of summaryLines(summary)) print(line);
}

function parsed(text: string): Address {
  try {
    return parseAddress(text);
  } catch (thrown) {
    throw new Exit("usage", reasonOf(thrown));
  }
}

function listen(address: Address): Deno.Listener {
  const before = Deno.umask(0o177);
  try {
    if (address.net === "unix") return Deno.listen({ transport: "unix", path: address.path });
    return Deno.listen({ hostname: address.host, port: address.port });
  } catch (thrown) {
    throw new Exit("failed", `Cannot listen on ${formatAddress(address)}: ${reasonOf(thrown)}`);
  } finally {
    Deno.umask(before);
  }
}

/** Serves clients until the listener is closed or, unless `keep`, the last client has ended. */
async function serve(
  listener: Deno.Listener,
  keep: boolean,
  one: (number: number, conn: Deno.Conn) => Promise<void>,
): Promise<void> {
  const open = new Set<Deno.Conn>();
  const ending = new Set<Promise<void>>();
  let count = 0;
  for await (const conn of listener) {
    open.add(conn);
    const done = one(++count, conn).finally(() => {
      open.delete(conn);
      ending.delete(done);
      if (open.size === 0 && !keep) closeQuietly(listener);
    });
    ending.add(done);
  }
  for (const conn of open) closeQuietly(conn);
  await Promise.all(ending);
}

function closeQuietly(what: { close(): void }): void {
  try {
    what.close();
  } catch { /* It was closed already. */ }
}

/** `1 -> Twalk …`, `1 <- Rwalk … 62 µs`. */
function lineOf(connection: number, { from, text, us }: Passed): string {
  const arrow = from === "client" ? "->" : "<-";
  return `${connection} ${arrow} ${text}${us === undefined ? "" : `  ${durationText(us)}`}`;
}

function summaryLines(summary: Summary): string[] {
  const rows = summary.rows().map(({ name, count, errors, p50Us, p99Us, maxUs }) => [
    name,
    String(count),
    String(errors),
    durationText(p50Us),
    durationText(p99Us),
    durationText(maxUs),
  ]);
  return ["", ...table([["request", "count", "errors", "p50", "p99", "max"], ...rows], [1, 2, 3, 4, 5])];
}

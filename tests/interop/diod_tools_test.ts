/** diod's user-space tools, which speak 9P2000.L through a library of their own, against the server. */
import { type CommandResult, mustRun, run, which } from "./command.ts";
import { interopTest } from "./interop_test_case.ts";
import { serverMissing, testServer, type TestServer } from "./server.ts";

const missing = toolsMissing() ?? serverMissing("9p2000.L");

/** Long enough for several messages, and no power of two. */
const CONTENT_BYTES = 300_001;

interopTest("diodls and diodcat: list, read and refuse", missing, async () => {
  await using server = await testServer();
  const work = `${server.folder}/diod-tools-${crypto.randomUUID().slice(0, 8)}`;
  const relative = work.replace(/^\//, "");
  const content = patterned(CONTENT_BYTES);
  await using _files = await filesOnServer(server, work, { "one": content, "two words": "second\n" });

  const listing = await mustRun("diodls", [...toolArgs(server), relative]);
  expectEqual(listing.trim().split("\n").filter((name) => !/^\.\.?$/.test(name)).sort(), ["one", "two words"]);

  const long = await mustRun("diodls", [...toolArgs(server), "-l", relative]);
  const line = long.split("\n").find((text) => text.endsWith(" one")) ?? "";
  expectMatch(line, /^-rw-r--r--\.? +1 +\S+ +\S+ +300001 /);

  const read = await new Deno.Command("diodcat", { args: [...toolArgs(server), `${relative}/one`] }).output();
  expectEqual(await digest(read.stdout), await digest(content));
  expectEqual(await mustRun("diodcat", [...toolArgs(server), `${relative}/two words`]), "second\n");

  // Messages of the smallest size that the tool takes, so that reading needs many.
  const small = await new Deno.Command("diodcat", {
    args: [...toolArgs(server), "-m", "4096", `${relative}/one`],
  }).output();
  expectEqual(await digest(small.stdout), await digest(content));

  expectRefused(await run("diodcat", [...toolArgs(server), `${relative}/missing`]), "No such file or directory");
  expectRefused(await run("diodls", [...toolArgs(server), `${relative}/missing`]), "No such file or directory");
  expectRefused(await run("diodcat", [...toolArgs(server, "no-such-tree"), "one"]), "diodcat: ");
});

function toolsMissing(): string | undefined {
  return which("diodls") === undefined || which("diodcat") === undefined ? "needs the package diod" : undefined;
}

function toolArgs(server: TestServer, aname = server.aname): string[] {
  return ["-s", `${server.host}:${server.port}`, "-a", aname === "" ? "/" : aname, "-t", "20"];
}

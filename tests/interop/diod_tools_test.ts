/** diod's user-space tools, which speak 9P2000.L through a library of their own, against the server. */
import { type CommandResult, mustRun, run, which } from "./command.ts";
import { interopTest } from "./interop_test_case.ts";
import { serverMissing, type TestServer, testServer } from "./server.ts";

/** Long enough for several messages, and no power of two. */
const CONTENT_BYTES = 300_001;

const missing = toolsMissing() ?? serverMissing("9p2000.L") ?? hostFolderMissing();

interopTest("diod's tools list a folder, with names and with attributes", missing, async () => {
  await using server = await testServer();
  await using files = await filesOnServer(server);
  const short = await mustRun("diodls", [...toolArgs(server), files.path]);
  const names = short.trim().split("\n").filter((name) => name !== "." && name !== "..").sort();
  expect(names.join("|") === "big|one|two words", `diodls lists ${names}`);

  const long = await mustRun("diodls", [...toolArgs(server), "-l", files.path]);
  const line = long.split("\n").find((text) => text.endsWith(" big")) ?? "";
  expect(/^-rw-r--r--\.? +1 +\S+ +\S+ +300001 /.test(line), `diodls -l says of big: ${line}`);
});

interopTest("diod's tools read files, also in small messages", missing, async () => {
  await using server = await testServer();
  await using files = await filesOnServer(server);
  expect(await mustRun("diodcat", [...toolArgs(server), `${files.path}/one`]) === "first\n", "one differs");
  const both = await mustRun("diodcat", [
    ...toolArgs(server),
    `${files.path}/one`,
    `${files.path}/two words`,
  ]);
  expect(both === "first\nsecond\n", `both are ${both}`);
  for (const msize of ["4096", "65536"]) {
    const { stdout } = await new Deno.Command("diodcat", {
      args: [...toolArgs(server), "-m", msize, `${files.path}/big`],
    }).output();
    const at = stdout.findIndex((byte, index) => byte !== patternByte(index));
    expect(stdout.length === CONTENT_BYTES, `got ${stdout.length} bytes with an msize of ${msize}`);
    expect(at === -1, `byte ${at} differs with an msize of ${msize}`);
  }
});

interopTest("diod's tools report a missing file and a tree that is not exported", missing, async () => {
  await using server = await testServer();
  await using files = await filesOnServer(server);
  const file = await run("diodcat", [...toolArgs(server), `${files.path}/missing`]);
  expectRefused(file, /No such file or directory/);
  const folder = await run("diodls", [...toolArgs(server), `${files.path}/missing`]);
  expectRefused(folder, /No such file or directory/);
  const tree = await run("diodls", [...toolArgs({ ...server, aname: "/no/such/tree" }), "."]);
  expectRefused(tree, /No such file or directory|Operation not permitted|Permission denied/);
});

function toolsMissing(): string | undefined {
  return which("diodls") === undefined || which("diodcat") === undefined
    ? "needs the package diod"
    : undefined;
}

/** The tools only read, so the files are put where the server has them. */
function hostFolderMissing(): string | undefined {
  const known = Deno.env.get("LUX9_TEST_ADDR") === undefined || Deno.env.get("LUX9_TEST_HOST_FOLDER");
  return known ? undefined : "needs LUX9_TEST_HOST_FOLDER beside LUX9_TEST_ADDR";
}

async function filesOnServer(server: TestServer): Promise<AsyncDisposable & { path: string }> {
  const name = `diod-tools-${crypto.randomUUID().slice(0, 8)}`;
  const folder = `${server.hostFolder}/${name}`;
  await Deno.mkdir(folder);
  const write = async (file: string, content: Uint8Array) => {
    await Deno.writeFile(`${folder}/${file}`, content);
    await Deno.chmod(`${folder}/${file}`, 0o644);
  };
  const encoder = new TextEncoder();
  await write("one", encoder.encode("first\n"));
  await write("two words", encoder.encode("second\n"));
  await write("big", Uint8Array.from({ length: CONTENT_BYTES }, (_, index) => patternByte(index)));
  return {
    // The tools walk from the attached root and take no leading slash.
    path: `${server.folder}/${name}`.replace(/^\//, ""),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Bytes whose order matters: no two neighbouring messages of any size are alike. */
function patternByte(index: number): number {
  return (index * 7 + (index >> 8) * 13) & 0xff;
}

function toolArgs(server: Pick<TestServer, "host" | "port" | "aname">): string[] {
  const aname = server.aname === "" ? "/" : server.aname;
  return ["-s", `${server.host}:${server.port}`, "-a", aname, "-t", "20"];
}

function expectRefused(result: CommandResult, words: RegExp): void {
  expect(result.code !== 0, "the tool succeeded, but must fail");
  expect(words.test(result.stderr), `the tool says ${result.stderr}`);
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

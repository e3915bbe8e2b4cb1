/** The 9fans Go client against the server: see goclient/. */
import { mustRun, run, which } from "./command.ts";
import { interopTest } from "./interop_test_case.ts";
import { serverMissing, testServer } from "./server.ts";

const BUILD_MS_MAX = 240_000;

interopTest("goclient: 9P2000 through 9fans.net/go", goMissing() ?? serverMissing("9p2000"), async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-goclient-" });
  try {
    const program = `${folder}/goclient`;
    await mustRun("go", ["build", "-o", program, "."], {
      cwd: new URL("goclient", import.meta.url).pathname,
      timeoutMs: BUILD_MS_MAX,
    });
    await using server = await testServer();
    const args = ["-addr", server.address, "-aname", server.aname, "-folder", server.folder];
    const { code, stdout, stderr } = await run(program, args, { timeoutMs: 120_000 });
    if (code !== 0) throw new Error(`goclient ended with code ${code}\n${stdout}${stderr}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function goMissing(): string | undefined {
  return which("go") === undefined ? "needs Go" : undefined;
}

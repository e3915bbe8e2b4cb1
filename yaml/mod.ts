/**
 * YAML texts that people write, read by a schema: what is wrong is said with file, line and column.
 *
 * @module
 */
export { type Checked, checkedYaml } from "./checked.ts";

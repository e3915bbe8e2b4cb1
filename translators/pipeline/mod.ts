/**
 * Pipelines as people write them in paths and recipes: `gunzip,head:n=10`.
 *
 * @module
 */
export { argvOf } from "./argv.ts";
export { formatPipeline, parsePipeline, type Stage, STAGES_MAX } from "./pipeline.ts";

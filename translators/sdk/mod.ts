/**
 * What writing a translator needs: a template for each language, its build, and what has to be installed for it.
 *
 * @module
 */
export { type Language, type LanguageName, LANGUAGES, RUST_TARGET, type Tool } from "./languages.ts";
export { findTool, missingTool, type ToolFound } from "./find_tool.ts";
export { checkTranslatorName, newTranslator } from "./new_translator.ts";
export { buildTranslator, readRecipe, type Recipe } from "./build.ts";

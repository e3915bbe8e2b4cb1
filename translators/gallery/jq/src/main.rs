//! jq on the jaq interpreter: a filter over the JSON values of the input.
//!
//! As with jq, an error in the filter stops that value only: the others are still answered, and the module then fails.

mod dialect;
mod messages;
mod natives;
mod write;

use std::fmt::Debug;
use std::io::Write;
use std::process::ExitCode;

use filter::{Failure, Output, read_all};
use jaq_core::data::{DataT, HasLut};
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Lut, Vars};
use jaq_json::{Val, read};
use jaq_std::input::{HasInputs, Inputs, RcIter};
use write::{Style, write_value};

/// The name of the definition that holds the filter. A filter that defines it anew does so inside.
const MAIN: &str = "main_filter";
const FAILED: &str = "The filter failed on a part of the input";

fn main() -> ExitCode {
    filter::run(&["filter", "raw", "compact", "slurp", "sort"], |parameters, input, output| {
        let code = parameters.text("filter").unwrap_or(".");
        let style = Style { compact: parameters.flag("compact")?, sort_keys: parameters.flag("sort")? };
        let job = Job { raw: parameters.flag("raw")?, slurp: parameters.flag("slurp")?, style };
        let filter = compile(code)?;
        messages::print_to_stderr();
        let bytes = read_all(input)?;
        job.run(&filter, &bytes, output)
    })
}

/// What a running filter may use: its own table of definitions, and the values that are still to come.
struct Kind;

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Data<'a>;
}

#[derive(Clone)]
struct Data<'a> {
    lut: &'a Lut<Kind>,
    inputs: Inputs<'a, Val>,
}

impl<'a> HasLut<'a, Kind> for Data<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.lut
    }
}

impl<'a> HasInputs<'a, Val> for Data<'a> {
    fn inputs(&self) -> Inputs<'a, Val> {
        self.inputs
    }
}

fn compile(code: &str) -> Result<jaq_core::Filter<Kind>, Failure> {
    // One filter a process, for which the definitions live as long as it.
    let code: &'static str = String::leak(code.to_owned());
    let own =
        load::parse(include_str!("definitions.jq"), |parser| parser.defs()).expect("definitions.jq is valid");
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
    let ours =
        natives::functions().into_vec().into_iter().chain(jaq_std::input::funs()).map(jaq_core::native::run);
    let theirs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let replaced: Vec<&str> = natives::functions::<Kind>().iter().map(|(name, ..)| *name).collect();
    let functions = theirs.filter(|(name, ..)| !replaced.contains(name)).chain(ours);
    let arena = Arena::default();
    // Loaded as it stands for what is wrong with it. What runs is the rewritten filter, as a definition before `main`.
    Loader::new([]).load(&arena, File { code, path: () }).map_err(|errors| refuse(&errors[0].1, code))?;
    let body = load::parse(code, |parser| parser.term())
        .map(dialect::rewrite)
        .ok_or_else(|| Failure::parameters("Parameter filter: a module's header is of no use here"))?;
    let main = Def { name: MAIN, args: Vec::new(), body };
    let modules = Loader::new(definitions.chain([main]))
        .load(&arena, File { code: MAIN, path: () })
        .map_err(|errors| refuse(&errors[0].1, code))?;
    Compiler::default().with_funs(functions).with_global_vars(["$ENV"]).compile(modules).map_err(|errors| {
        let undefined = errors
            .iter()
            .flat_map(|(_, errors)| errors)
            .map(|(name, kind)| format!("{} {name}", kind.as_str()));
        Failure::parameters(format!(
            "Parameter filter: undefined {}",
            undefined.collect::<Vec<_>>().join(", ")
        ))
    })
}

fn refuse(error: &load::Error<&str>, code: &str) -> Failure {
    fn at<E: Debug>(what: E, found: &str, code: &str) -> String {
        let offset = load::span(code, found).start;
        let near: String = code[offset..].chars().take(20).collect();
        if near.is_empty() {
            format!("expected {what:?} at the end of {code:?}")
        } else {
            format!("expected {what:?} at byte {offset}, near {near:?}")
        }
    }
    let why = match error {
        load::Error::Io(errors) => {
            errors.iter().map(|(path, why)| format!("{path}: {why}")).collect::<Vec<_>>().join(", ")
        }
        load::Error::Lex(errors) => at(errors[0].0.as_str(), errors[0].1, code),
        load::Error::Parse(errors) => at(errors[0].0.as_str(), errors[0].1, code),
    };
    Failure::parameters(format!("Parameter filter: {why}"))
}

struct Job {
    raw: bool,
    slurp: bool,
    style: Style,
}

impl Job {
    fn run(&self, filter: &jaq_core::Filter<Kind>, bytes: &[u8], output: &mut Output) -> Result<(), Failure> {
        let values = read::parse_many(bytes).map(|value| value.map_err(|error| error.to_string()));
        let values: Box<dyn Iterator<Item = Result<Val, String>>> = if self.slurp {
            Box::new(std::iter::once_with(|| values.collect::<Result<Val, String>>()))
        } else {
            Box::new(values)
        };
        // Past an error the parser is lost.
        let mut broken = false;
        let values = values.take_while(move |value| !std::mem::replace(&mut broken, value.is_err()));
        let values = RcIter::new(values);
        let values: Inputs<'_, Val> = &values;
        let data = Data { lut: &filter.lut, inputs: values };
        let environment = Val::obj(Default::default());
        let mut failed = false;
        for value in values {
            let value = value.map_err(|why| Failure::input(format!("The input is not JSON: {why}")))?;
            let context = Ctx::<Kind>::new(data.clone(), Vars::new([environment.clone()]));
            for result in filter.id.run((context, value)) {
                match result {
                    Ok(value) => self.print(&value, output)?,
                    Err(exception) => match exception.get_halt() {
                        Ok(0) => return Ok(()),
                        Ok(code) => {
                            return Err(Failure::input(format!("The filter halted with code {code}")));
                        }
                        Err(exception) => {
                            failed = true;
                            match exception.get_err() {
                                Ok(error) => eprintln!("jq: error: {error}"),
                                Err(_) => eprintln!("jq: error: break outside of its label"),
                            }
                        }
                    },
                }
            }
        }
        if failed { Err(Failure::input(FAILED)) } else { Ok(()) }
    }

    fn print(&self, value: &Val, output: &mut Output) -> Result<(), Failure> {
        match value {
            Val::TStr(text) | Val::BStr(text) if self.raw => output.write_all(text)?,
            _ => write_value(output, &self.style, 0, value)?,
        }
        output.write_all(b"\n")?;
        Ok(())
    }
}

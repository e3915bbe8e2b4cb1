//! Where jq and jaq read a filter differently, the filter is rewritten so that jaq does what jq does.
//!
//! - Assigning through what is not there makes it: `null | .a[0] = 1` is `{"a":[1]}` in jq and an error in jaq. So
//!   `l |= r` becomes `make(path(l)) | l |= r`, and `l = r` becomes `r as $x | make(path(l)) | l = $x`, likewise
//!   `l += r` and `l //= r`.
//! - An index that is no whole number is rounded down: `.[length / 2]`.
//! - Strings are put together by `tostring`, which definitions.jq defines as jq does.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Part, Path};

/// No variable of a filter can have these names.
const VALUE: &str = "$!value";
const PATH: &str = "$!path";

pub fn rewrite(term: Term<&str>) -> Term<&str> {
    use Term::*;
    let boxed = |term: Box<Term<_>>| Box::new(rewrite(*term));
    let all = |terms: Vec<Term<_>>| terms.into_iter().map(rewrite).collect();
    match term {
        Id | Recurse | Num(_) | Break(_) | Var(_) => term,
        Str(None, parts) => Str(None, parts.into_iter().map(|part| rewrite_part(part, true)).collect()),
        Str(format, parts) => Str(format, parts.into_iter().map(|part| rewrite_part(part, false)).collect()),
        Arr(inner) => Arr(inner.map(boxed)),
        Obj(members) => {
            Obj(members.into_iter().map(|(key, value)| (rewrite(key), value.map(rewrite))).collect())
        }
        Neg(inner) => Neg(boxed(inner)),
        BinOp(left, operator, right) => rewrite_operation(rewrite(*left), operator, rewrite(*right)),
        Label(name, inner) => Label(name, boxed(inner)),
        Fold(kind, source, pattern, rest) => Fold(kind, boxed(source), rewrite_pattern(pattern), all(rest)),
        TryCatch(inner, caught) => TryCatch(boxed(inner), caught.map(boxed)),
        IfThenElse(branches, otherwise) => IfThenElse(
            branches.into_iter().map(|(test, then)| (rewrite(test), rewrite(then))).collect(),
            otherwise.map(boxed),
        ),
        Def(definitions, inner) => {
            let definitions =
                definitions.into_iter().map(|one| self::Def { body: rewrite(one.body), ..one }).collect();
            Term::Def(definitions, boxed(inner))
        }
        Call(name, arguments) => Call(name, all(arguments)),
        Path(inner, path) => Path(boxed(inner), rewrite_path(path)),
    }
}

fn rewrite_operation<'a>(
    left: Term<&'a str>,
    operator: BinaryOp<&'a str>,
    right: Term<&'a str>,
) -> Term<&'a str> {
    use BinaryOp::*;
    match operator {
        Update => pipe(made(&left), Term::BinOp(left.into(), operator, right.into())),
        Assign | UpdateMath(_) | UpdateAlt => {
            let value = Term::Var(VALUE);
            let assigned = pipe(made(&left), Term::BinOp(left.into(), operator, value.into()));
            Term::BinOp(right.into(), Pipe(Some(Pattern::Var(VALUE))), assigned.into())
        }
        Pipe(pattern) => Term::BinOp(left.into(), Pipe(pattern.map(rewrite_pattern)), right.into()),
        other => Term::BinOp(left.into(), other, right.into()),
    }
}

/// `reduce path(TARGET) as $path (.; make_path($path))`
fn made<'a>(target: &Term<&'a str>) -> Term<&'a str> {
    let paths = Term::Call("path", vec![target.clone()]);
    let make = Term::Call("make_path", vec![Term::Var(PATH)]);
    Term::Fold("reduce", paths.into(), Pattern::Var(PATH), vec![Term::Id, make])
}

fn pipe<'a>(left: Term<&'a str>, right: Term<&'a str>) -> Term<&'a str> {
    Term::BinOp(left.into(), BinaryOp::Pipe(None), right.into())
}

fn rewrite_pattern(pattern: Pattern<&str>) -> Pattern<&str> {
    match pattern {
        Pattern::Var(_) => pattern,
        Pattern::Arr(inner) => Pattern::Arr(inner.into_iter().map(rewrite_pattern).collect()),
        Pattern::Obj(members) => Pattern::Obj(
            members.into_iter().map(|(key, pattern)| (rewrite(key), rewrite_pattern(pattern))).collect(),
        ),
    }
}

fn rewrite_part<'a>(
    part: StrPart<&'a str, Term<&'a str>>,
    to_string: bool,
) -> StrPart<&'a str, Term<&'a str>> {
    match part {
        StrPart::Term(term) if to_string => {
            StrPart::Term(pipe(rewrite(term), Term::Call("tostring", vec![])))
        }
        StrPart::Term(term) => StrPart::Term(rewrite(term)),
        StrPart::Str(_) | StrPart::Char(_) => part,
    }
}

fn rewrite_path(path: Path<Term<&str>>) -> Path<Term<&str>> {
    let parts = path.0.into_iter().map(|(part, optional)| {
        let part = match part {
            Part::Index(index) => Part::Index(whole(index)),
            Part::Range(from, to) => Part::Range(from.map(whole), to.map(whole)),
        };
        (part, optional)
    });
    jaq_core::path::Path(parts.collect())
}

/// An index as jq takes it. What is whole as it stands is left alone.
fn whole(index: Term<&str>) -> Term<&str> {
    match &index {
        Term::Str(None, parts) if parts.iter().all(|part| !matches!(part, StrPart::Term(_))) => index,
        Term::Num(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => index,
        _ => pipe(rewrite(index), Term::Call("whole_index", vec![])),
    }
}

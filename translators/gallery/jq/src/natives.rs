//! Functions that jaq lacks or that differ from jq's, for definitions.jq and the rewritten filter.

use std::rc::Rc;

use jaq_core::native::{Filter, bome, unary, v};
use jaq_core::{Cv, DataT, Error, RunPtr, ValR};
use jaq_json::{Map, Num, Val};

use crate::write::{Style, write_value};

/// An array that an index makes longer has no more items than this, as in jq.
const ITEMS_MAX: usize = 536_870_911;

pub fn functions<D: for<'a> DataT<V<'a> = Val>>() -> Box<[Filter<RunPtr<D>>]> {
    Box::new([
        ("make_path", v(1), |cv| unary(cv, |value, path| changed(value, path, make))),
        ("set_path", v(2), |mut cv: Cv<'_, D>| {
            let new = cv.0.pop_var();
            unary(cv, move |value, path| changed(value, path, |value, path| set(value, path, new.clone())))
        }),
        ("delete_paths", v(1), |cv| unary(cv, delete_all)),
        ("whole_index", v(0), |cv| bome(Ok(whole_index(cv.1)))),
        ("tojson", v(0), |cv| bome(to_json(&cv.1))),
        ("to_string", v(0), |cv| {
            bome(match cv.1 {
                Val::TStr(_) => Ok(cv.1),
                value => to_json(&value),
            })
        }),
    ])
}

fn changed(
    mut value: Val,
    path: Val,
    change: impl FnOnce(&mut Val, &[Val]) -> Result<(), Error<Val>>,
) -> ValR<Val> {
    let Val::Arr(path) = path else { return Err(Error::str("Path must be specified as an array")) };
    change(&mut value, &path)?;
    Ok(value)
}

/// Makes arrays and objects, and items of arrays, until there is a place for what the path ends in.
fn make(value: &mut Val, path: &[Val]) -> Result<(), Error<Val>> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    // Without a change nothing is copied, however many others hold the value.
    if has_place(value, path) {
        return Ok(());
    }
    if let Val::Null = value {
        *value = match key {
            Val::Num(_) | Val::Obj(_) => Val::Arr(Rc::default()),
            _ => Val::Obj(Rc::default()),
        };
    }
    match child(value, key)? {
        Some(child) => make(child, rest),
        None => Ok(()),
    }
}

/// Whether `make` has nothing to do, or cannot help.
fn has_place(value: &Val, path: &[Val]) -> bool {
    let Some((key, rest)) = path.split_first() else { return true };
    match (value, key) {
        (Val::Null, _) => false,
        (Val::Obj(members), _) => {
            rest.is_empty() || members.get(key).is_some_and(|child| has_place(child, rest))
        }
        (Val::Arr(items), Val::Num(number)) => match position(number, items.len()) {
            Ok(at) if at < items.len() => has_place(&items[at], rest),
            Ok(_) => false,
            Err(_) => true,
        },
        _ => true,
    }
}

/// What a key leads to, made where it is missing. None where keys of that kind lead nowhere.
fn child<'a>(value: &'a mut Val, key: &Val) -> Result<Option<&'a mut Val>, Error<Val>> {
    match (value, key) {
        (Val::Obj(members), key) => Ok(Some(Rc::make_mut(members).entry(key.clone()).or_insert(Val::Null))),
        (Val::Arr(items), Val::Num(number)) => {
            let at = position(number, items.len())?;
            let items = Rc::make_mut(items);
            if at >= items.len() {
                items.resize(at + 1, Val::Null);
            }
            Ok(Some(&mut items[at]))
        }
        _ => Ok(None),
    }
}

/// An index from the start, for one that may count from the end.
fn position(number: &Num, len: usize) -> Result<usize, Error<Val>> {
    let index =
        number.as_isize().ok_or_else(|| Error::str(format_args!("Cannot index an array with {number}")))?;
    let at = if index < 0 { index.checked_add_unsigned(len).unwrap_or(index) } else { index };
    match usize::try_from(at) {
        Ok(at) if at < ITEMS_MAX => Ok(at),
        Ok(_) => Err(Error::str(format_args!("Array index {index} is too large"))),
        Err(_) => Err(Error::str("Out of bounds negative array index")),
    }
}

fn set(value: &mut Val, path: &[Val], new: Val) -> Result<(), Error<Val>> {
    let Some((key, rest)) = path.split_first() else {
        *value = new;
        return Ok(());
    };
    make(value, std::slice::from_ref(key))?;
    match child(value, key)? {
        Some(child) => set(child, rest, new),
        None => Err(Error::str(format_args!("Cannot set a value at {key}"))),
    }
}

/// The last path first, so that those before it still lead to what they did.
fn delete_all(mut value: Val, paths: Val) -> ValR<Val> {
    let Val::Arr(paths) = paths else { return Err(Error::str("Paths must be specified as an array")) };
    let mut paths: Vec<Val> = paths.iter().cloned().collect();
    paths.sort();
    for path in paths.iter().rev() {
        let Val::Arr(path) = path else { return Err(Error::str("Path must be specified as an array")) };
        if path.is_empty() {
            return Ok(Val::Null);
        }
        delete(&mut value, path)?;
    }
    Ok(value)
}

fn delete(value: &mut Val, path: &[Val]) -> Result<(), Error<Val>> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    if rest.is_empty() {
        return remove(value, key);
    }
    match (value, key) {
        (Val::Null, _) => Ok(()),
        (Val::Obj(members), _) if !members.contains_key(key) => Ok(()),
        (Val::Arr(items), Val::Num(number))
            if position(number, items.len()).map_or(true, |at| at >= items.len()) =>
        {
            Ok(())
        }
        (value, key) => match child(value, key)? {
            Some(child) => delete(child, rest),
            None => Err(Error::str(format_args!("Cannot delete at {key}"))),
        },
    }
}

fn remove(value: &mut Val, key: &Val) -> Result<(), Error<Val>> {
    match (value, key) {
        (Val::Null, _) => Ok(()),
        // The others keep their order.
        (Val::Obj(members), Val::TStr(_)) => {
            Rc::make_mut(members).shift_remove(key);
            Ok(())
        }
        (Val::Arr(items), Val::Num(number)) => {
            if let Ok(at) = position(number, items.len())
                && at < items.len()
            {
                Rc::make_mut(items).remove(at);
            }
            Ok(())
        }
        (Val::Arr(items), Val::Obj(range)) => {
            let (from, to) = bounds(range, items.len());
            if from < to {
                Rc::make_mut(items).drain(from..to);
            }
            Ok(())
        }
        (_, key) => Err(Error::str(format_args!("Cannot delete field at {key}"))),
    }
}

/// The items that `.[start:end]` is about.
fn bounds(range: &Map, len: usize) -> (usize, usize) {
    let bound = |name: &str, otherwise: usize| match range.get(&Val::utf8_str(name.to_owned())) {
        Some(Val::Num(number)) => match number.as_isize() {
            Some(index) if index < 0 => len.saturating_sub(index.unsigned_abs()),
            Some(index) => len.min(index.unsigned_abs()),
            None => otherwise,
        },
        _ => otherwise,
    };
    (bound("start", 0), bound("end", len))
}

fn whole_index(value: Val) -> Val {
    match value {
        Val::Num(Num::Float(float)) if float.is_finite() => Val::from(float.floor() as isize),
        Val::Num(Num::Dec(ref digits)) => match digits.parse::<f64>() {
            Ok(float) if float.is_finite() => Val::from(float.floor() as isize),
            _ => value,
        },
        _ => value,
    }
}

fn to_json(value: &Val) -> ValR<Val> {
    let mut text = Vec::new();
    write_value(&mut text, &Style { compact: true, sort_keys: false }, 0, value).map_err(Error::str)?;
    Ok(Val::utf8_str(text))
}

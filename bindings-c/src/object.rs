//! The JSON objects that option structs become. Knows none of the structs.

use std::ffi::c_char;

use layerkit::Result;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arguments::{Versioned, array, invalid, optional_text, text, texts, versioned};
use crate::options::{layerkit_pair, layerkit_ulimit};

/// An option struct, as the fields of the core's.
pub trait Options: Versioned {
    /// Fills in what the caller set.
    ///
    /// # Safety
    /// Pointers in it are NULL or valid, as the struct's documentation says.
    unsafe fn describe(&self, object: &mut Object) -> Result<()>;
}

/// The core's options for the caller's struct; its defaults for NULL.
///
/// # Safety
/// `options` is NULL or a struct of the caller's whose pointers are NULL or valid.
pub unsafe fn core_options<O: Options, T: DeserializeOwned>(options: *const O) -> Result<T> {
    let mut object = Object::new("options->".to_owned());
    // SAFETY: as the caller promises.
    unsafe {
        if let Some(given) = versioned("options", options)? {
            given.describe(&mut object)?;
        }
    }
    let value = Value::Object(object.fields);
    serde_json::from_value(value).map_err(|wrong| invalid(format!("options: {wrong}")))
}

/// The JSON object on its way. Strings are read when they are added, so the methods share one condition: pointers are NULL
/// or valid.
pub struct Object {
    fields: Map<String, Value>,
    /// What C writes before a key of this object: `options->`, and more for an object within.
    place: String,
}

impl Object {
    fn new(place: String) -> Self {
        Object { fields: Map::new(), place }
    }

    /// The name of a field in C.
    pub fn name(&self, key: &str) -> String {
        format!("{}{key}", self.place)
    }

    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.fields.insert(key.to_owned(), value.into());
    }

    pub fn flag(&mut self, key: &str, value: u8) {
        self.set(key, value != 0);
    }

    /// A number that is left out for 0.
    pub fn number(&mut self, key: &str, value: impl Into<u64>) {
        let value = value.into();
        if value != 0 {
            self.set(key, value);
        }
    }

    /// A number for which 0 is a value: `has` says whether it is set.
    pub fn number_with(&mut self, key: &str, has: u8, value: impl Into<Value>) {
        if has != 0 {
            self.set(key, value);
        }
    }

    /// # Safety
    /// `value` is NULL or a string.
    pub unsafe fn text(&mut self, key: &str, value: *const c_char) -> Result<()> {
        // SAFETY: as the caller promises.
        if let Some(value) = unsafe { optional_text(&self.name(key), value) }? {
            self.set(key, value);
        }
        Ok(())
    }

    /// # Safety
    /// `values` is NULL or an array of `count` strings.
    pub unsafe fn texts(&mut self, key: &str, values: *const *const c_char, count: usize) -> Result<()> {
        // SAFETY: as the caller promises.
        let values = unsafe { texts(&self.name(key), values, count) }?;
        self.set(key, values);
        Ok(())
    }

    /// An array of strings that may be absent, which is something else than an empty one: that is not NULL.
    ///
    /// # Safety
    /// As for [`Object::texts`].
    pub unsafe fn texts_if_any(
        &mut self,
        key: &str,
        values: *const *const c_char,
        count: usize,
    ) -> Result<()> {
        if values.is_null() && count == 0 {
            return Ok(());
        }
        // SAFETY: the caller's promise is the same.
        unsafe { self.texts(key, values, count) }
    }

    /// The size of a terminal; left out where there is none.
    pub fn terminal(&mut self, rows: u16, cols: u16) {
        if rows != 0 || cols != 0 {
            let size = [("rows".to_owned(), rows.into()), ("cols".to_owned(), cols.into())];
            self.set("tty_size", size.into_iter().collect::<Map<String, Value>>());
        }
    }

    /// An object within this one whose fields are a struct of their own; left out for NULL.
    ///
    /// # Safety
    /// `options` is NULL or a struct of the caller's whose pointers are NULL or valid.
    pub unsafe fn object<O: Options>(&mut self, key: &str, options: *const O) -> Result<()> {
        let name = self.name(key);
        // SAFETY: as the caller promises.
        match unsafe { versioned(&name, options) }? {
            // SAFETY: the same.
            Some(given) => self.within(key, format!("{name}->"), |object| unsafe { given.describe(object) }),
            None => Ok(()),
        }
    }

    /// Fields of this object that are a struct of their own in C, which `key` points to; none for NULL.
    ///
    /// # Safety
    /// `options` is NULL or a struct of the caller's whose pointers are NULL or valid.
    pub unsafe fn merged<O: Options>(&mut self, key: &str, options: *const O) -> Result<()> {
        let name = self.name(key);
        // SAFETY: as the caller promises.
        let Some(given) = (unsafe { versioned(&name, options) })? else { return Ok(()) };
        let mut object = Object::new(format!("{name}->"));
        // SAFETY: the same.
        unsafe { given.describe(&mut object) }?;
        self.fields.append(&mut object.fields);
        Ok(())
    }

    /// An object within this one whose fields are this struct's own, and begin with `prefix` there.
    pub fn group(
        &mut self,
        key: &str,
        prefix: &str,
        fill: impl FnOnce(&mut Object) -> Result<()>,
    ) -> Result<()> {
        self.within(key, self.name(prefix), fill)
    }

    fn within(
        &mut self,
        key: &str,
        place: String,
        fill: impl FnOnce(&mut Object) -> Result<()>,
    ) -> Result<()> {
        let mut object = Object::new(place);
        fill(&mut object)?;
        self.set(key, object.fields);
        Ok(())
    }

    /// Calls `add` with each key and value of an array of pairs.
    ///
    /// # Safety
    /// `pairs` is NULL or an array of `count` pairs of strings.
    unsafe fn pairs(
        &mut self,
        key: &str,
        pairs: *const layerkit_pair,
        count: usize,
        add: impl Fn(&mut Map<String, Value>, &str, &str),
    ) -> Result<()> {
        let name = self.name(key);
        let mut map = Map::new();
        // SAFETY: as the caller promises.
        for pair in unsafe { array(&name, pairs, count) }? {
            // SAFETY: the same.
            let (pair_key, value) = unsafe {
                (text(&format!("{name}->key"), pair.key)?, text(&format!("{name}->value"), pair.value)?)
            };
            add(&mut map, pair_key, value);
        }
        self.set(key, map);
        Ok(())
    }

    /// Pairs as a map; of a key that comes twice, the last counts.
    ///
    /// # Safety
    /// As for [`Object::pairs`].
    pub unsafe fn map(&mut self, key: &str, pairs: *const layerkit_pair, count: usize) -> Result<()> {
        // SAFETY: the caller's promise is the same.
        unsafe {
            self.pairs(key, pairs, count, |map, key, value| {
                map.insert(key.to_owned(), value.into());
            })
        }
    }

    /// Pairs as a map of lists.
    ///
    /// # Safety
    /// As for [`Object::pairs`].
    pub unsafe fn lists(&mut self, key: &str, pairs: *const layerkit_pair, count: usize) -> Result<()> {
        // SAFETY: the caller's promise is the same.
        unsafe {
            self.pairs(key, pairs, count, |map, key, value| {
                let list = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = list {
                    values.push(value.into());
                }
            })
        }
    }

    /// An array of structs as a list of objects, which `fill` fills.
    ///
    /// # Safety
    /// `items` is NULL or an array of `count` elements.
    pub unsafe fn list<T>(
        &mut self,
        key: &str,
        items: *const T,
        count: usize,
        fill: impl Fn(&T, &mut Object) -> Result<()>,
    ) -> Result<()> {
        // SAFETY: the caller's promise is the same.
        let objects = unsafe { self.objects(key, items, count, fill) }?;
        self.set(key, objects.into_iter().map(|(_, object)| Value::Object(object)).collect::<Vec<_>>());
        Ok(())
    }

    /// Limits of `setrlimit` as a list of objects.
    ///
    /// # Safety
    /// As for [`Object::list`], and their names are strings.
    pub unsafe fn ulimits(&mut self, key: &str, limits: *const layerkit_ulimit, count: usize) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            self.list(key, limits, count, |limit, object| {
                object.set("soft", limit.soft);
                object.set("hard", limit.hard);
                object.text("name", limit.name)
            })
        }
    }

    /// An array of structs as objects by the key that `fill` returns; of a key that comes twice, the last counts.
    ///
    /// # Safety
    /// As for [`Object::list`].
    pub unsafe fn keyed<'a, T: 'a>(
        &mut self,
        key: &str,
        items: *const T,
        count: usize,
        fill: impl Fn(&T, &mut Object) -> Result<&'a str>,
    ) -> Result<()> {
        // SAFETY: the caller's promise is the same.
        let objects = unsafe { self.objects(key, items, count, fill) }?;
        let fields = objects.into_iter().map(|(key, object)| (key.to_owned(), Value::Object(object)));
        self.set(key, fields.collect::<Map<_, _>>());
        Ok(())
    }

    /// # Safety
    /// As for [`Object::list`].
    unsafe fn objects<T, K>(
        &self,
        key: &str,
        items: *const T,
        count: usize,
        fill: impl Fn(&T, &mut Object) -> Result<K>,
    ) -> Result<Vec<(K, Map<String, Value>)>> {
        let name = self.name(key);
        // SAFETY: as the caller promises.
        let items = unsafe { array(&name, items, count) }?;
        let filled = items.iter().map(|item| {
            let mut object = Object::new(format!("{name}->"));
            Ok((fill(item, &mut object)?, object.fields))
        });
        filled.collect()
    }
}

//! Python values to the core's option structs, reports to Python values, both by way of JSON's data model.

use layerkit::{Error, ErrorKind};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error;

/// The option struct that this dict describes; entries that are None count as absent.
pub fn options<T: DeserializeOwned>(options: &Bound<'_, PyDict>) -> PyResult<T> {
    serde_json::from_value(object(options)?).map_err(|wrong| {
        error::exception(options.py(), &Error::new(ErrorKind::InvalidArgument, wrong.to_string()))
    })
}

/// A report as dicts, lists, strings and numbers.
pub fn report<'py, T: Serialize>(py: Python<'py>, report: &T) -> PyResult<Bound<'py, PyAny>> {
    let value = serde_json::to_value(report).map_err(|wrong| {
        error::exception(py, &Error::new(ErrorKind::Internal, format!("serialise a report: {wrong}")))
    })?;
    to_python(py, &value)
}

fn object(dict: &Bound<'_, PyDict>) -> PyResult<Value> {
    let mut map = Map::new();
    for (key, value) in dict {
        if !value.is_none() {
            map.insert(text(&key)?, from_python(&value)?);
        }
    }
    Ok(Value::Object(map))
}

fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = value.cast::<PyString>().map_err(|_| wrong_type(value))?;
    Ok(text.to_str()?.to_owned())
}

fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_none() {
        Ok(Value::Null)
    } else if value.is_instance_of::<PyString>() {
        Ok(Value::String(text(value)?))
    } else if value.is_instance_of::<PyBool>() {
        Ok(Value::Bool(value.extract()?))
    } else if value.is_instance_of::<PyInt>() {
        match value.extract::<i64>() {
            Ok(number) => Ok(number.into()),
            Err(_) => Ok(value.extract::<u64>()?.into()),
        }
    } else if value.is_instance_of::<PyFloat>() {
        Ok(value.extract::<f64>()?.into())
    } else if let Ok(dict) = value.cast::<PyDict>() {
        object(dict)
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        value.try_iter()?.map(|item| from_python(&item?)).collect()
    } else {
        Err(wrong_type(value))
    }
}

fn wrong_type(value: &Bound<'_, PyAny>) -> PyErr {
    let name = value.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("an option cannot be of type {name}"))
}

fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(map) => {
            let dict = PyDict::new(py);
            for (key, item) in map {
                dict.set_item(key, to_python(py, item)?)?;
            }
            dict.into_any()
        }
    })
}

//! A container in Docker's JSON shape (Engine API, "ContainerInspect").

use serde_json::{Value, json};

use super::list::{mounts, sizes};
use super::object::{NEVER, Object, rfc3339};
use super::options::ContainerNetwork;
use super::settings::set;
use super::status;
use super::workspace::run_mode;
use crate::container::Status;
use crate::error::Result;
use crate::store::Store;

/// One container.
pub fn inspect(store: &Store, container: &str) -> Result<Value> {
    let object = Object::find(store, container)?;
    let state = object.state()?;
    let (settings, config) = (&object.settings, &object.settings.config);
    let runs = matches!(state.status, Status::Running | Status::Paused);
    let time = |time| Option::map_or(time, NEVER.to_owned(), rfc3339);
    let command = settings.command();
    let hostname = settings.hostname.clone().unwrap_or_else(|| object.short().to_owned());
    let network = match settings.network {
        ContainerNetwork::Host => "host",
        ContainerNetwork::None => "none",
    };
    let (size_rw, size_root_fs) = sizes(&object)?;
    let driver = run_mode(store).map_or("none", |mode| mode.isolation.name());
    let mounts: Vec<Value> = mounts(&object)
        .into_iter()
        .map(|mount| {
            let mode = if mount.rw { "" } else { "ro" };
            json!({
                "Type": mount.kind, "Source": mount.source, "Destination": mount.destination, "Mode": mode,
                "RW": mount.rw, "Propagation": if mount.kind == "bind" { "rprivate" } else { "" },
            })
        })
        .collect();
    let ulimits: Vec<Value> = settings
        .ulimits
        .iter()
        .map(|limit| json!({ "Name": limit.name, "Soft": limit.soft, "Hard": limit.hard }))
        .collect();
    let or_null = |list: &Vec<String>| if list.is_empty() { Value::Null } else { json!(list) };
    let mut inspected = json!({
        "Id": object.id,
        "Created": settings.created,
        "Path": command.first(),
        "Args": command.get(1..).unwrap_or_default(),
        "State": {
            "Status": status::name(state.status),
            "Running": runs,
            "Paused": state.status == Status::Paused,
            "Restarting": false,
            "OOMKilled": state.oom,
            "Dead": false,
            "Pid": state.pid.filter(|_| runs).unwrap_or(0),
            // Nothing but `null` says that nobody knows it.
            "ExitCode": if state.status == Status::Exited { json!(state.code) } else { json!(state.code.unwrap_or(0)) },
            "Error": state.error,
            "StartedAt": time(state.started),
            "FinishedAt": time(state.finished),
        },
        "Image": object.image,
        "ResolvConfPath": "",
        "HostnamePath": "",
        "HostsPath": "",
        "LogPath": object.folder.join("log"),
        "Name": format!("/{}", object.name),
        "RestartCount": 0,
        "Driver": driver,
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": {
            "Binds": or_null(&settings.binds),
            "LogConfig": {
                "Type": "json-file",
                "Config": {
                    "max-size": settings.log_limits().max_size.to_string(),
                    "max-file": settings.log_limits().max_file.to_string(),
                },
            },
            "NetworkMode": network,
            "PortBindings": {},
            "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
            "AutoRemove": settings.auto_remove,
            "CapAdd": or_null(&settings.cap_add),
            "CapDrop": or_null(&settings.cap_drop),
            "ExtraHosts": or_null(&settings.extra_hosts),
            "Init": settings.init,
            "IpcMode": "private",
            "PidMode": "",
            "Privileged": settings.privileged,
            "PublishAllPorts": false,
            "ReadonlyRootfs": settings.read_only,
            "SecurityOpt": null,
            "ShmSize": settings.shm_size.unwrap_or(crate::container::SHM_SIZE),
            "Tmpfs": if settings.tmpfs.is_empty() { Value::Null } else { json!(settings.tmpfs) },
            "Memory": settings.memory.unwrap_or(0),
            "PidsLimit": settings.pids,
            "Ulimits": if ulimits.is_empty() { Value::Null } else { json!(ulimits) },
        },
        "SizeRw": size_rw,
        "SizeRootFs": size_root_fs,
        "Mounts": mounts,
        "Config": {
            "Hostname": hostname,
            "Domainname": "",
            "User": config.user,
            "AttachStdin": settings.stdin_once,
            "AttachStdout": true,
            "AttachStderr": true,
            "Tty": settings.tty,
            "OpenStdin": settings.stdin_open,
            "StdinOnce": settings.stdin_once,
            "Env": config.env,
            "Cmd": config.cmd,
            "Image": settings.image,
            "Volumes": set(config.volumes.keys()),
            "WorkingDir": config.working_dir,
            "Entrypoint": config.entrypoint,
            "OnBuild": null,
            "Labels": config.labels,
        },
        "NetworkSettings": { "Ports": {}, "Networks": { network: {} } },
    });
    let Some(shown) = inspected.get_mut("Config").and_then(Value::as_object_mut) else {
        return Ok(inspected);
    };
    if !config.exposed_ports.is_empty() {
        shown.insert("ExposedPorts".into(), json!(config.exposed_ports));
    }
    if !config.stop_signal.is_empty() {
        shown.insert("StopSignal".into(), json!(config.stop_signal));
    }
    if let Some(timeout) = settings.stop_timeout {
        shown.insert("StopTimeout".into(), json!(timeout));
    }
    if let Some(check) = &config.healthcheck {
        shown.insert("Healthcheck".into(), json!(check));
    }
    if !config.shell.is_empty() {
        shown.insert("Shell".into(), json!(config.shell));
    }
    Ok(inspected)
}

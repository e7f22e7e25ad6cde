"""Who we are to a registry: config.json shared with docker, auth.json of podman, helpers, certificates, and a token service."""

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_registry import PASSWORD, USER, Authority, DockerRegistry, TokenService
from peers import Docker, run

import layerkit

GIVEN: layerkit.types.AuthConfig = {"username": USER, "password": PASSWORD}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that this machine's user is logged in to counts."""
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A folder for config.json that docker and we share."""
    folder = tmp_path / "docker-config"
    folder.mkdir()
    return folder


class Trusting:
    """An engine that trusts a registry and shares docker's folder, with one image to push."""

    def __init__(self, root: Path, registry: DockerRegistry, config: Path) -> None:
        options: layerkit.types.RegistryConfig = {"docker_config": config, "certs_dirs": []}
        if registry.authority:
            options["ca_files"] = [registry.authority.certificate]
        self.registry = registry
        self.engine = layerkit.Engine(root=root, registry=options)

    def push(self, repository: str, small_root: Path, auth_config: layerkit.types.AuthConfig | None = None) -> str:
        name = f"{self.registry.host}/{repository}:1"
        if not self.engine.images.list():
            self.engine.images.import_image(small_root, name="base:1")
        self.engine.images.get("base:1").tag(name)
        return self.engine.images.push(name, auth_config=auth_config)[0]["digest"]


@pytest.fixture
def ours(tmp_path: Path, secure: DockerRegistry, config: Path) -> Iterator[Trusting]:
    trusting = Trusting(tmp_path / "store", secure, config)
    yield trusting
    trusting.engine.close()


def helper(folder: Path, name: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a credential helper into PATH."""
    folder.mkdir(exist_ok=True)
    path = folder / f"docker-credential-{name}"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


# config.json


def test_docker_logs_in_and_we_push(ours: Trusting, docker: Docker, config: Path, small_root: Path) -> None:
    host = ours.registry.host
    with pytest.raises(layerkit.Unauthorized):
        ours.push("team/first", small_root)
    assert "Login Succeeded" in docker("--config", config, "login", "-u", USER, "-p", PASSWORD, host)
    digest = ours.push("team/first", small_root)
    assert ours.registry.manifest("team/first", "1")[0] == digest
    docker("--config", config, "logout", host)
    with pytest.raises(layerkit.Unauthorized):
        ours.engine.images.pull(f"{host}/team/first:1")


def test_we_log_in_and_docker_pulls(ours: Trusting, docker: Docker, config: Path, small_root: Path) -> None:
    host = ours.registry.host
    (config / "config.json").write_text(json.dumps({"detachKeys": "ctrl-e,e", "auths": {"other.example": {"auth": "YTpi"}}}))
    report = ours.engine.registry.login(USER, PASSWORD, registry=host)
    assert report == {"server": host, "username": USER, "stored": str(config / "config.json"), "plain": True}
    assert stat.S_IMODE((config / "config.json").stat().st_mode) == 0o600
    name = f"{host}/team/second:1"
    ours.push("team/second", small_root)
    docker("--config", config, "pull", "-q", name)
    docker("--config", config, "push", "-q", name)
    docker("rmi", name)
    written = json.loads((config / "config.json").read_text())
    assert written["detachKeys"] == "ctrl-e,e" and set(written["auths"]) == {"other.example", host}
    # We forget, and docker does not know either.
    assert ours.engine.registry.logout(host) == {"server": host, "removed": True}
    with pytest.raises(AssertionError, match="exit code 1"):
        docker("--config", config, "pull", name)
    assert set(json.loads((config / "config.json").read_text())["auths"]) == {"other.example"}


def test_a_wrong_password_is_said_and_not_stored(ours: Trusting, config: Path) -> None:
    with pytest.raises(layerkit.Unauthorized) as failed:
        ours.engine.registry.login(USER, "wrong-secret", registry=ours.registry.host)
    assert failed.value.status == 401 and "wrong-secret" not in str(failed.value)
    assert not (config / "config.json").exists()


def test_credentials_of_the_call_beat_those_that_are_stored(ours: Trusting, small_root: Path) -> None:
    ours.engine.registry.login(USER, PASSWORD, registry=ours.registry.host)
    with pytest.raises(layerkit.Unauthorized):
        ours.push("team/third", small_root, {"username": USER, "password": "wrong"})
    ours.push("team/third", small_root)


def test_the_command_logs_in_and_out_as_docker_does(ours: Trusting, docker: Docker, command: Path, config: Path) -> None:
    host = ours.registry.host
    front = ["--root", ours.engine.root, "--config", config, "--registry-ca", ours.registry.authority.certificate]  # type: ignore[union-attr]
    login = [command, *front, "login", "-u", USER, "--password-stdin", host]
    out = run("sh", "-c", 'secret=$1; shift; printf %s "$secret" | "$@"', "sh", PASSWORD, *login)
    assert out == "Login Succeeded\n"
    assert run(command, *front, "login", host) == "Authenticating with existing credentials...\nLogin Succeeded\n"
    assert "Login Succeeded" in docker("--config", config, "login", host)
    assert run(command, *front, "logout", host) == f"Removing login credentials for {host}\n"
    assert run(command, *front, "logout", host) == docker("--config", config, "logout", host).replace(
        "Removing login credentials for", "Not logged in to"
    )


# auth.json


def test_podman_logs_in_and_we_pull(
    ours: Trusting, podman: list[str], small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, file = ours.registry.host, tmp_path / "auth.json"
    assert ours.registry.authority
    ours.push("team/podman", small_root, GIVEN)
    run(*podman, "login", "--tls-verify=false", "--authfile", file, "-u", USER, "-p", PASSWORD, host)
    # A folder for config.json that is given is the only place, so this engine is given none.
    with layerkit.Engine(root=tmp_path / "second", registry={"ca_files": [ours.registry.authority.certificate]}) as engine:
        with pytest.raises(layerkit.Unauthorized):
            engine.images.pull(f"{host}/team/podman:1")
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))
        engine.images.pull(f"{host}/team/podman:1")
        # What is stored for a part of a registry beats what is stored for its host.
        auths = json.loads(file.read_text())["auths"]
        file.write_text(json.dumps({"auths": {host: {"auth": "YTpi"}, f"{host}/team": auths[host]}}))
        engine.registry.tags(f"{host}/team/podman")
        with pytest.raises(layerkit.Unauthorized):
            engine.registry.tags(f"{host}/other/podman")
    run("skopeo", "inspect", "--tls-verify=false", "--authfile", file, f"docker://{host}/team/podman:1")


# Helpers

KEEPING = """
store="$(dirname "$0")/kept"
case "$1" in
store) cat > "$store" ;;
get) read -r server; grep -q "\\"$server\\"" "$store" 2>/dev/null && cat "$store" || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm -f "$store" ;;
esac
echo "$1" >> "$(dirname "$0")/asked"
"""


def test_a_helper_keeps_what_docker_and_we_share(
    ours: Trusting, docker: Docker, config: Path, small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path / "helpers", "keeping", KEEPING, monkeypatch)
    host = ours.registry.host
    (config / "config.json").write_text(json.dumps({"credsStore": "keeping"}))
    with pytest.raises(layerkit.Unauthorized):
        ours.push("team/helped", small_root)
    report = ours.engine.registry.login(USER, PASSWORD, registry=host)
    assert report["stored"] == "docker-credential-keeping" and not report["plain"]
    assert PASSWORD not in (config / "config.json").read_text()
    ours.push("team/helped", small_root)
    docker("--config", config, "pull", "-q", f"{host}/team/helped:1")
    docker("rmi", f"{host}/team/helped:1")
    docker("--config", config, "logout", host)
    assert not (tmp_path / "helpers" / "kept").exists()
    docker("--config", config, "login", "-u", USER, "-p", PASSWORD, host)
    ours.engine.images.pull(f"{host}/team/helped:1")
    assert ours.engine.registry.logout(host)["removed"]
    assert not (tmp_path / "helpers" / "kept").exists()


def test_a_helper_of_one_host_is_asked_for_that_host_alone(
    ours: Trusting, config: Path, plain: DockerRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path / "helpers", "keeping", KEEPING, monkeypatch)
    (config / "config.json").write_text(json.dumps({"credHelpers": {ours.registry.host: "keeping"}}))
    ours.engine.registry.ping(plain.host)
    assert not (tmp_path / "helpers" / "asked").exists()
    assert ours.engine.registry.login(USER, PASSWORD, registry=ours.registry.host)["stored"] == "docker-credential-keeping"


def test_a_helper_that_fails_is_reported(ours: Trusting, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path / "helpers", "broken", 'echo "the keyring is locked"\nexit 1\n', monkeypatch)
    (config / "config.json").write_text(json.dumps({"credsStore": "broken"}))
    for call in (
        lambda: ours.engine.images.pull(f"{ours.registry.host}/team/any:1"),
        lambda: ours.engine.registry.login(USER, PASSWORD, registry=ours.registry.host),
    ):
        with pytest.raises(layerkit.Unauthorized, match="docker-credential-broken.*the keyring is locked"):
            call()
    # Credentials of the call need no helper.
    with pytest.raises(layerkit.NotFound):
        ours.engine.images.pull(f"{ours.registry.host}/team/any:1", auth_config=GIVEN)


def test_a_helper_that_hangs_can_be_cancelled(
    ours: Trusting, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path / "helpers", "hanging", 'echo $$ > "$0.pid"\nexec sleep 600\n', monkeypatch)
    (config / "config.json").write_text(json.dumps({"credsStore": "hanging"}))
    token = layerkit.CancelToken()
    timer = threading.Timer(0.5, token.cancel)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(layerkit.Cancelled):
        ours.engine.images.pull(f"{ours.registry.host}/team/any:1", cancel=token)
    timer.join()
    assert time.monotonic() - begun < 5
    pid = (tmp_path / "helpers" / "docker-credential-hanging.pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


# Certificates


def test_a_registry_of_an_unknown_authority_is_not_trusted(secure: DockerRegistry, tmp_path: Path) -> None:
    with (
        layerkit.Engine(root=tmp_path / "store", registry={"certs_dirs": [], "docker_config": tmp_path}) as engine,
        pytest.raises(layerkit.NetworkError, match="certificate"),
    ):
        engine.registry.ping(secure.host, auth_config=GIVEN)


def test_certs_d_has_authority_and_client_certificate_as_dockers(small_root: Path, tmp_path: Path) -> None:
    registry = DockerRegistry(tmp_path / "registry", authority=Authority(tmp_path / "ca"), client_certificates=True)
    folder = tmp_path / "certs.d" / registry.host
    folder.mkdir(parents=True)
    assert registry.authority and registry.client
    (folder / "ca.crt").write_bytes(registry.authority.certificate.read_bytes())
    name = f"{registry.host}/team/app:1"
    try:
        with layerkit.Engine(
            root=tmp_path / "store", registry={"certs_dirs": [tmp_path / "certs.d"], "docker_config": tmp_path}
        ) as engine:
            engine.images.import_image(small_root, name=name)
            with pytest.raises(layerkit.NetworkError, match="client certificate"):
                engine.images.push(name)
            (folder / "client.cert").write_bytes(registry.client[0].read_bytes())
            (folder / "client.key").write_bytes(registry.client[1].read_bytes())
            digest = engine.images.push(name)[0]["digest"]
            # containers/image reads the same folder.
            assert json.loads(run("skopeo", "inspect", "--cert-dir", folder, f"docker://{name}"))["Digest"] == digest
            # And containerd's file says the same in its own words.
            hosts = tmp_path / "hosts" / registry.host
            hosts.mkdir(parents=True)
            client = f'client = [["{folder}/client.cert", "{folder}/client.key"]]'
            (hosts / "hosts.toml").write_text(f'server = "https://{registry.host}"\nca = "{folder}/ca.crt"\n{client}\n')
        with layerkit.Engine(
            root=tmp_path / "second", registry={"certs_dirs": [tmp_path / "hosts"], "docker_config": tmp_path}
        ) as engine:
            engine.images.pull(name, expect=digest)
    finally:
        registry.stop()


# A token service


def test_tokens_are_asked_for_by_scope(
    guarded: DockerRegistry, tokens: TokenService, docker: Docker, small_root: Path, config: Path, tmp_path: Path
) -> None:
    ours = Trusting(tmp_path / "store", guarded, config)
    with ours.engine as engine:
        for repository in ("public/app", "team/app"):
            with pytest.raises((layerkit.Unauthorized, layerkit.Denied)):
                ours.push(repository, small_root)
            digest = ours.push(repository, small_root, GIVEN)
        assert any(how == "password" and "repository:team/app:pull,push" in scopes for how, scopes in tokens.asked)
        # Anybody may pull what is public; a token that grants nothing is an answer too.
        engine.images.pull(f"{guarded.host}/public/app:1", expect=digest)
        with pytest.raises((layerkit.Unauthorized, layerkit.Denied)):
            engine.images.pull(f"{guarded.host}/team/other:1")
        engine.registry.login(USER, PASSWORD, registry=guarded.host)
        # A mount asks for its source too.
        tokens.asked.clear()
        engine.images.get("base:1").tag(f"{guarded.host}/team/mounted:1")
        events: list[layerkit.Event] = []
        engine.images.push(f"{guarded.host}/team/mounted:1", on_event=events.append)
        assert [event["state"] for event in events if event["event"] == "layer"][-1] == "mounted"
        assert any(any(scope.endswith("app:pull") for scope in scopes) and len(scopes) > 1 for _, scopes in tokens.asked), (
            tokens.asked
        )
        # docker and skopeo with what we stored.
        docker("--config", config, "pull", "-q", f"{guarded.host}/team/app:1")
        docker("rmi", f"{guarded.host}/team/app:1")
        theirs = run(
            "skopeo", "inspect", "--tls-verify=false", "--authfile", config / "config.json", f"docker://{guarded.host}/team/app:1"
        )
        assert json.loads(theirs)["Digest"] == digest


@pytest.mark.parametrize("tokens", [{"identity_tokens": True}], indirect=True)
@pytest.mark.parametrize("first", ["docker", "ours"])
def test_identity_tokens_are_shared_with_docker(
    guarded: DockerRegistry, tokens: TokenService, docker: Docker, small_root: Path, config: Path, tmp_path: Path, first: str
) -> None:
    ours = Trusting(tmp_path / "store", guarded, config)
    with ours.engine as engine:
        if first == "docker":
            docker("--config", config, "login", "-u", USER, "-p", PASSWORD, guarded.host)
        else:
            engine.registry.login(USER, PASSWORD, registry=guarded.host)
        entry = json.loads((config / "config.json").read_text())["auths"][guarded.host]
        assert entry["identitytoken"] == "refresh-" + USER
        tokens.asked.clear()
        digest = ours.push("team/app", small_root)
        assert tokens.asked and {how for how, _ in tokens.asked} == {"refresh"}
        assert f"Digest: {digest}" in docker("--config", config, "pull", f"{guarded.host}/team/app:1")
        docker("rmi", f"{guarded.host}/team/app:1")

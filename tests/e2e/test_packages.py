"""The Debian package: made, installed under a root of its own, and checked."""

import gzip
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from troupe_server import BINARY

BUILD = pathlib.Path(BINARY).resolve().parents[1]
UNITS = ("troupe-supervisor", "troupe-node", "troupe-gateway")
MOST_EXPOSURE = 3.0


def run(*words, check=True, **options):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, check=False, **options)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    run("cmake", "--build", BUILD, "--target", "troupe_pages")
    run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder)
    (made,) = folder.glob("*.deb")
    return made


@pytest.fixture(scope="module")
def tree(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    run("dpkg-deb", "-x", package, folder)
    return folder


def field(package, name):
    return run("dpkg-deb", "-f", package, name).strip()


def test_the_package_says_what_it_is_and_needs(package):
    version = run(BINARY, "--version").split()[1]
    assert re.fullmatch(rf"troupe(-cuda)?_{re.escape(version)}_\w+\.deb", package.name)
    assert field(package, "Version") == version
    needs = field(package, "Depends")
    for library in ("libc6", "adduser", "libssl3", "libucx0"):
        assert library in needs
    assert "-dev" not in needs
    listed = run("dpkg-deb", "-c", package)
    assert not re.search(r"\.(hpp|a|o)$", listed, re.M)
    # Nothing that everybody may write, and all of it root's.
    for line in listed.splitlines():
        assert " root/root " in line and line[8] != "w", line


def test_the_program_in_it_runs(tree):
    assert run(tree / "usr/bin/troupe", "--version") == run(BINARY, "--version")


def test_units_are_sound_and_give_little_away(tree):
    for unit in UNITS:
        file = tree / "lib/systemd/system" / f"{unit}.service"
        text = file.read_text()
        for line in ("Type=notify", "User=troupe", "NoNewPrivileges=yes"):
            assert line in text
        assert re.search(r"^WatchdogSec=\d+", text, re.M)
        if shutil.which("systemd-analyze"):
            found = run("systemd-analyze", "security", "--offline=true", "--no-pager", file)
            exposure = float(re.search(r"Overall exposure level for \S+ ([\d.]+)", found).group(1))
            assert exposure <= MOST_EXPOSURE, found
    assert "LimitMEMLOCK=infinity" in (tree / "lib/systemd/system/troupe-node.service").read_text()


def commands():
    listed = run(BINARY, "--help").split("Subcommands:")[1].split("Example:")[0]
    return re.findall(r"^  (\w+) ", listed, re.M)


def test_every_command_has_its_manual_page(tree):
    folder = tree / "usr/share/man/man1"
    assert {p.name for p in folder.iterdir()} == {"troupe.1.gz", *(f"troupe-{c}.1.gz" for c in commands())}
    for page in folder.iterdir():
        text = gzip.decompress(page.read_bytes()).decode()
        assert text.startswith(".TH TROUPE") and ".SH SYNOPSIS" in text
        # Every option of the help, and so of the program as it is.
        command = page.name.removeprefix("troupe").removesuffix(".1.gz").lstrip("-")
        told = set(re.findall(r"(--[a-z][a-z-]+)", run(BINARY, *([command] if command else []), "--help").split("Example:")[0]))
        lines = text.replace("\\-", "-")
        assert all(option in lines for option in told), (command, told)


def test_bash_completes_commands_options_and_files(tree, tmp_path):
    script = tree / "usr/share/bash-completion/completions/troupe"
    (tmp_path / "model.gguf").touch()

    def complete(*words):
        listed = " ".join(f"'{w}'" for w in words)
        return run("bash", "-c", f"source '{script}'; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; "
                   "_troupe; printf '%s\\n' \"${COMPREPLY[@]}\"", cwd=tmp_path).split()

    assert set(commands()) <= set(complete("troupe", ""))
    assert complete("troupe", "stat") == ["status"]
    assert "--join" in complete("troupe", "node", "--")
    assert "create" in complete("troupe", "key", "")
    assert "--rpm" in complete("troupe", "key", "create", "x", "--r")
    assert complete("troupe", "serve", "mod") == ["model.gguf"]
    assert complete("troupe", "serve", "--config", "mod") == ["model.gguf"]


@pytest.mark.parametrize("shell, file", [("zsh", "usr/share/zsh/vendor-completions/_troupe"),
                                         ("fish", "usr/share/fish/vendor_completions.d/troupe.fish")])
def test_other_shells_take_their_scripts(tree, shell, file):
    script = tree / file
    assert all(c in script.read_text() for c in commands())
    if shutil.which(shell):
        run(shell, "-n", script)


def test_dpkg_takes_it(package, tmp_path):
    """Under another root. tests/deploy installs it on machines, upgrades it and takes it back."""
    if os.geteuid() != 0:
        pytest.skip("dpkg --root needs root")
    for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    # Maintainer scripts see this machine's programs and change none of its files.
    for script in ("postinst", "prerm", "postrm"):
        text = run("sh", "-c", f"dpkg-deb --ctrl-tarfile '{package}' | tar -xO ./{script}")
        run("sh", "-n", "-c", text)
    dpkg = ["dpkg", f"--root={tmp_path}", "--force-depends", "--force-not-root", "--force-bad-path", "--no-triggers"]
    run(*dpkg, "--unpack", package)
    assert (tmp_path / "usr/bin/troupe").exists()
    assert "troupe" in run("dpkg-query", f"--admindir={tmp_path}/var/lib/dpkg", "-f", "${Package}\n", "-W")

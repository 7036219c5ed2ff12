# SPDX-License-Identifier: LGPL-2.1-or-later
import pathlib
import subprocess
import sys

import fabricnet

WITHOUT_PRIVILEGE = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def test_import_keys_and_parsing_need_no_privilege():
    program = (
        "import fabricnet as f; k = f.key.generate(); print(f.key.public(k)); "
        "print(f.wireguard.parse('[Interface]\\nListenPort = 7\\n').interface.listen_port)"
    )
    done = subprocess.run([*WITHOUT_PRIVILEGE, sys.executable, "-c", program], capture_output=True, text=True, check=True)
    key, port = done.stdout.split()
    assert fabricnet.key.valid(key) and port == "7"


def test_a_missing_privilege_is_named():
    program = "import fabricnet as f\ntry: f.Context().link.create(name='x0', kind='bridge')\nexcept f.NotAllowedError as e: print(e.code.name)"
    done = subprocess.run([*WITHOUT_PRIVILEGE, sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "EPERM"


def test_the_package_is_typed():
    assert pathlib.Path(fabricnet.__file__).with_name("py.typed").exists()
    assert fabricnet.__version__.count(".") == 2

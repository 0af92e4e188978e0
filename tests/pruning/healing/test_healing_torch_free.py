from __future__ import annotations

import subprocess
import sys


def test_names_and_results_are_there_without_torch() -> None:
    script = (
        "import sys; import avss_core.pruning.healing; import avss_core.pruning.healing.maps_file; "
        "print([name for name in ('torch', 'transformers', 'peft') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""MLServer on one port, in one process: mlserver_one.py FOLDER PORT."""

import json
import subprocess
import sys
from pathlib import Path

folder, port = Path(sys.argv[1]), int(sys.argv[2])
settings = {"http_port": port, "parallel_workers": 0, "host": "127.0.0.1", "grpc_port": port + 1, "debug": False}
settings |= {"metrics_endpoint": None, "kafka_enabled": False, "use_structured_logging": False}
(folder / "settings.json").write_text(json.dumps(settings))
sys.exit(subprocess.call([Path(sys.executable).parent / "mlserver", "start", folder]))

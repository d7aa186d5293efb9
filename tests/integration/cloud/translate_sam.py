"""Run by the Python of aws-sam-cli: packaged template in, plain CloudFormation out. Makes no calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

translator = Translator({}, Parser())
translated = translator.translate(yaml_parse(Path(sys.argv[1]).read_text()), parameter_values={})
Path(sys.argv[2]).write_text(json.dumps(translated))

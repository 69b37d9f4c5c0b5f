"""Reads templates as AWS would: CloudFormation's YAML, and of SAM's templates what the translator makes.

Prints one JSON object: for each file named on the command line its template, its YAML aliases (which CloudFormation does
not take), and for SAM's files the translation.
"""

import json
import re
import sys

import boto3
import cfnlint.decode.cfn_yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

SAM = "AWS::Serverless-2016-10-31"


def plain(node):
    """The decoder's own classes, as JSON has them."""
    return json.loads(json.dumps(node))


def uploaded(template):
    """`sam deploy` uploads what is built and writes where to, before the translator reads it."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    return template


def translated(template):
    session = boto3.session.Session(region_name="eu-west-1")
    return Translator({}, Parser(), boto_session=session).translate(uploaded(template), {"AWS::Region": "eu-west-1"})


def read(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    template = plain(cfnlint.decode.cfn_yaml.loads(text))
    found = {"template": template, "aliases": re.findall(r"^[^#\n]*[:-] [*&]\w+.*", text, re.M)}
    if template.get("Transform") == SAM:
        found["translated"] = plain(translated(plain(template)))
    return found


print(json.dumps({path: read(path) for path in sys.argv[1:]}))

"""Calls of Amazon Bedrock's Converse API."""

import sys

import boto3

import belvedere

belvedere.init(instrument=sys.argv[2:])
client = boto3.client(
    "bedrock-runtime",
    endpoint_url=sys.argv[1],
    region_name="eu-north-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
)
for _ in range(2):
    answer = client.converse(
        modelId="anthropic.claude-haiku-4-5",
        messages=[{"role": "user", "content": [{"text": "capital?"}]}],
    )
    print(answer["output"]["message"]["content"][0]["text"])

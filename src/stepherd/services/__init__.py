"""Everything outside the process, behind references whose form says what serves them.

===========  ==============================================  =========================================
service      references                                      opened by
===========  ==============================================  =========================================
store        ``s3://bucket/prefix``, ``file:///path``, path  store.opening
secrets      Secrets Manager id or ARN, ``env:NAME``,        secrets.opening
             ``file:PATH``, ``none``
documents    Secrets Manager id or ARN, ``file:PATH``        secrets.opening
notices      ``arn:…:sns:…``, ``console:``,                  notices.opening
             ``console:/path/of/file.jsonl``
queues       ``https://sqs…``, ``sqlite:///path#name``       queues.opening
===========  ==============================================  =========================================

Nothing asks whether it runs on a laptop: the factories look at the reference alone. boto3 loads
where AWS is meant, and only there.
"""

"""Who can open it, and how is it made that nobody can?

    root key      one per deployment, outside PostgreSQL                      wraps bucket keys
    bucket keys   a few thousand per tenant, on a shelf that keeps no history  wrap the keys below
    subject key, epoch key, matter key: rows, wrapped                          wrap asset keys

Deleting the row of a wrapped key does not remove it from write-ahead logs, replicas and
backups. So a key dies in two steps: its row is emptied at once, and in the daily batch its
bucket gets a new key under which only the survivors are wrapped again, and the old bucket
key is overwritten. From then on every old copy of the dead key is noise.
"""

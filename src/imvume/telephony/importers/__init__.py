"""Recordings and call records that lie on a PBX already, translated into calls of ours."""

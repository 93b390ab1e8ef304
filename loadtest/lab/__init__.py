"""Three datacentres on one machine: network namespaces, Patroni, etcd, PostgreSQL and the service in each."""

-- One database for each organisation: in earnest each has a server of its own.
CREATE DATABASE luebeck;
CREATE DATABASE novgorod;

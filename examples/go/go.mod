module cgtune.example/service

go 1.19
